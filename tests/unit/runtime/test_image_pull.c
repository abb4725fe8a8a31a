/*
 * test_image_pull.c - pulls into a store from a small registry on loopback: cuts, wrong bytes,
 * logins.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "net/hash.h"
#include "runtime/image_partial.h"
#include "runtime/images.h"
#include "tests/unit/harness.h"
#include "tests/unit/runtime/registry_front.h"
#include "tests/unit/runtime/tar_fixture.h"

#define FILE_BYTES 300000

/* What the fronts have and do. */
static struct {
	struct buf layer, config, manifest;
	char layer_digest[72], config_digest[72];
	size_t cut_after;  /* layers break off behind so many bytes */
	bool refuses;      /* connections are cut at once */
	const char *wants; /* Authorization that is let in; NULL: everyone */
} plan;
static struct registry_front registry, mirror;
static struct images *images;

static void digest_of(struct str bytes, char out[72])
{
	memcpy(out, "sha256:", 8);
	hash_sha256_hex(bytes, out + 7);
}

static void make_content(void)
{
	auto_buf file = BUF_INIT;

	for (size_t i = 0; i < FILE_BYTES; i++)
		buf_add_byte(&file, (char)(i * 31 + i / 251));
	tar_put(&plan.layer,
		&(struct tar_item){ .type = '0', .path = "file", .data = buf_str(&file) });
	tar_end(&plan.layer);
	digest_of(buf_str(&plan.layer), plan.layer_digest);
	buf_add_print(&plan.config, "{\"rootfs\":{\"diff_ids\":[\"%s\"]}}", plan.layer_digest);
	digest_of(buf_str(&plan.config), plan.config_digest);
	buf_add_print(&plan.manifest,
		      "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},"
		      "\"layers\":[{\"digest\":\"%s\",\"size\":%zu}]}",
		      plan.config_digest, plan.config.len, plan.layer_digest, plan.layer.len);
}

static void answer_layer(struct http_request *req, bool wrong)
{
	struct str range = http_header(&req->head, "range"), bytes = buf_str(&plan.layer);
	auto_buf spoilt = BUF_INIT;
	uint64_t from = 0;
	char text[80];

	if (range.len > 7 && !str_to_u64(str_from(range.at + 6, range.len - 7), bytes.len, &from))
		from = 0;
	if (from == bytes.len) {
		http_reply(req, 416, "text/plain", STR("no"));
		return;
	}
	snprintf(text, sizeof(text), "bytes %u-%zu/%zu", (unsigned)from, bytes.len - 1, bytes.len);
	if (from > 0)
		http_reply_header(req, "Content-Range", text);
	http_reply_start(req, from > 0 ? 206 : 200, "application/octet-stream");
	if (plan.cut_after > 0) {
		http_reply_write(req, str_from(bytes.at + from, plan.cut_after));
		plan.refuses = true;
		http_reply_abort(req);
		return;
	}
	buf_add_str(&spoilt, str_from(bytes.at + from, bytes.len - (size_t)from));
	spoilt.at[spoilt.len / 2] ^= wrong;
	http_reply_write(req, buf_str(&spoilt));
	http_reply_end(req);
}

static void serve(struct registry_front *front, struct http_request *req)
{
	if (plan.refuses) {
		http_reply(req, 503, "text/plain", STR("later"));
	} else if (plan.wants && !str_is(http_header(&req->head, "authorization"), plan.wants)) {
		http_reply_header(req, "WWW-Authenticate", "Basic realm=\"x\"");
		http_reply(req, 401, "text/plain", STR("who?"));
	} else if (str_search(req->path, STR("/manifests/")) >= 0) {
		http_reply(req, 200, "application/vnd.oci.image.manifest.v1+json",
			   buf_str(&plan.manifest));
	} else if (str_ends(req->path, str_of(plan.config_digest))) {
		http_reply(req, 200, "application/octet-stream", buf_str(&plan.config));
	} else {
		answer_layer(req, front == &mirror);
	}
}

static void begin(void)
{
	auto_free char *root = memory_print("%s/store", harness_folder());
	struct error err;

	if (geteuid() != 0)
		harness_skip("not root");
	make_content();
	registry.on_request = mirror.on_request = serve;
	registry_front_open(&registry);
	registry_front_open(&mirror);
	CHECK_OK(images_open(root, &images, &err), &err);
}

static void end(void)
{
	images_close(images);
	registry_front_close(&registry);
	registry_front_close(&mirror);
	buf_clear(&plan.layer);
	buf_clear(&plan.config);
	buf_clear(&plan.manifest);
}

static bool pull(const struct json *registries, const char *password, struct error *err)
{
	auto_free char *name = memory_print("%s/team/web:v1", registry.host);
	struct images_pull_plan ask = { .name = str_of(name),
					.registries = registries,
					.timeout_ms = 5000 };

	if (password) {
		ask.login.username = STR("u");
		ask.login.password = str_of(password);
	}
	return images_pull(images, &ask, err);
}

static bool allows(const char *password)
{
	auto_free char *name = memory_print("%s/team/web:v1", registry.host);
	struct image_login login = { STR("u"), str_of(password ? password : ""), STR_NONE };

	return images_allows(images, str_of(name), &login, password != NULL);
}

static size_t parts(void)
{
	auto_free char *path = memory_print("%s/store/" IMAGE_PARTIAL_FOLDER "/%s",
					    harness_folder(), plan.layer_digest + 7);

	return (size_t)file_exists(path);
}

/* Also over a restart: the second pull asks for the rest only. */
static void a_cut_pull_goes_on(void)
{
	auto_free char *root = memory_print("%s/store", harness_folder());
	struct error err;

	begin();
	plan.cut_after = 200000;
	CHECK(!pull(NULL, NULL, &err));
	CHECK_INT(err.kind, ERROR_UNAVAILABLE);
	CHECK_INT(parts(), 1);
	images_close(images);
	CHECK_OK(images_open(root, &images, &err), &err);
	CHECK_OK(images_sweep(images, &err), &err);
	plan.cut_after = 0;
	plan.refuses = false;
	CHECK_OK(pull(NULL, NULL, &err), &err);
	CHECK_INT(registry_front_count(&registry, "range=[bytes=200000-]"), 3 + 1);
	CHECK_INT(parts(), 0);
	CHECK(allows(NULL));
	end();
}

/* What was kept is not believed: it is fetched anew when the whole is wrong. */
static void a_spoilt_part_is_fetched_again(void)
{
	auto_free char *folder = memory_print("%s/store/" IMAGE_PARTIAL_FOLDER, harness_folder());
	auto_free char *path = NULL;
	struct error err;

	begin();
	path = memory_print("%s/%s", folder, plan.layer_digest + 7);
	CHECK_OK(file_make_dirs(folder, 0700, &err), &err);
	CHECK_OK(file_replace(path, STR("nonsense"), 0600, &err), &err);
	CHECK_OK(pull(NULL, NULL, &err), &err);
	CHECK_INT(registry_front_count(&registry, "range=[bytes=8-]"), 1);
	CHECK_INT(parts(), 0);
	end();
}

static void a_damaged_mirror_is_passed_over(void)
{
	auto_json_doc doc = json_doc_new();
	struct json *root, *entry;
	struct error err;

	begin();
	root = json_new_object(doc);
	entry = json_sub_object(doc, json_sub_object(doc, root, "mirrors"), registry.host);
	json_append(json_sub_array(doc, entry, "endpoint"),
		    json_new_print(doc, "http://%s", mirror.host));
	CHECK_OK(pull(root, NULL, &err), &err);
	CHECK_INT(registry_front_count(&mirror, plan.layer_digest), 1);
	CHECK_INT(registry_front_count(&registry, plan.layer_digest), 1);
	end();
}

static void wrong_everywhere_is_told(void)
{
	struct error err;

	begin();
	plan.layer.at[1000] ^= 1;
	CHECK(!pull(NULL, NULL, &err));
	CHECK_INT(err.kind, ERROR_BROKEN);
	CHECK(strstr(err.text, "have not that digest"));
	CHECK_INT(parts(), 0);
	end();
}

/* Whoever pulled may use it; another one has to show that the registry lets it in. */
static void logins_open_what_they_pulled(void)
{
	struct error err;

	begin();
	plan.wants = "Basic dTpw"; /* u:p */
	CHECK(!pull(NULL, NULL, &err));
	CHECK_OK(pull(NULL, "p", &err), &err);
	CHECK(allows("p") && !allows("q") && !allows(NULL));
	CHECK(!pull(NULL, "q", &err));
	CHECK_INT(err.kind, ERROR_UNAUTHORIZED);
	CHECK(!allows("q"));
	plan.wants = "Basic dTpx"; /* u:q */
	CHECK_OK(pull(NULL, "q", &err), &err);
	CHECK(allows("p") && allows("q") && !allows(NULL));
	CHECK_INT(registry_front_count(&registry, plan.layer_digest), 1);
	end();
}

static const struct test tests[] = {
	{ "a cut pull goes on", a_cut_pull_goes_on },
	{ "a spoilt part is fetched again", a_spoilt_part_is_fetched_again },
	{ "a damaged mirror is passed over", a_damaged_mirror_is_passed_over },
	{ "wrong everywhere is told", wrong_everywhere_is_told },
	{ "logins open what they pulled", logins_open_what_they_pulled },
};

TEST_MAIN(tests)
