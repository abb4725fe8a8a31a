/*
 * test_pod_admission.c - which pods are refused before anything is made, and with which words.
 */
#include "agent/pod_admission.h"

#include "agent/apparmor.h"
#include "tests/unit/agent/agent_fixture.h"
#include "tests/unit/harness.h"

#define SYSCTL(name)                                                                               \
	"{'metadata':{},'spec':{'securityContext':{'sysctls':[{'name':'" name "','value':'1'}]}"
#define APPARMOR(profile)                                                                          \
	"{'metadata':{},'spec':{'containers':[{'name':'a','securityContext':{'appArmorProfile':{"  \
	"'type':'" profile "'}}}]}}"

static void check(const char *text, const char *reason, const char *message)
{
	static const char *unsafe[] = { "net.core.*", "kernel/msgmax" };
	static const struct option_list list = { unsafe, 2 };
	struct node node = { .folder = harness_folder(), .unsafe_sysctls = &list };
	struct json_doc *pod = fixture_json(text);
	const char *why = "";
	struct error err = { 0 };
	bool admitted = pod_admission_check(&node, json_root(pod), &why, &err);

	json_doc_free(pod);
	CHECK_STR(why, reason);
	CHECK_STR(err.text, message);
	CHECK_INT(admitted, *reason == '\0');
}

static void sysctls_must_be_safe_or_allowed(void)
{
	check(SYSCTL("net.ipv4.tcp_syncookies") "}}", "", "");
	check(SYSCTL("net/ipv4/tcp_rmem") "}}", "", "");
	check(SYSCTL("kernel.shm_rmid_forced") "}}", "", "");
	check(SYSCTL("net.core.somaxconn") "}}", "", "");
	check(SYSCTL("kernel.msgmax") "}}", "", "");
	check(SYSCTL("kernel.msgmnb") "}}", "SysctlForbidden",
	      "forbidden sysctl: \"kernel.msgmnb\" not allowlisted");
	check(SYSCTL("kernel.core_pattern") "}}", "SysctlForbidden",
	      "forbidden sysctl: \"kernel.core_pattern\" not allowlisted");
	check(SYSCTL("net.core.somaxconn") ",'hostNetwork':true}}", "SysctlForbidden",
	      "forbidden sysctl: \"net.core.somaxconn\" not allowed with host net enabled");
	check(SYSCTL("kernel.shm_rmid_forced") ",'hostIPC':true}}", "SysctlForbidden",
	      "forbidden sysctl: \"kernel.shm_rmid_forced\" not allowed with host ipc enabled");
}

static void apparmor_needs_the_kernel(void)
{
	if (apparmor_enabled())
		harness_skip("this kernel has AppArmor");
	check(APPARMOR("Unconfined"), "", "");
	check(APPARMOR("RuntimeDefault"), "AppArmor",
	      "Cannot enforce AppArmor: AppArmor is not enabled on the host");
	check("{'metadata':{'annotations':{'container.apparmor.security.beta.kubernetes.io/a':"
	      "'localhost/x'}},'spec':{'containers':[{'name':'a'}]}}",
	      "AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host");
	check("{'metadata':{},'spec':{'securityContext':{'appArmorProfile':{'type':"
	      "'RuntimeDefault'}},'containers':[{'name':'a','securityContext':{'appArmorProfile':{"
	      "'type':'Unconfined'}}}]}}",
	      "", "");
}

static void patterns_must_be_of_namespaces(void)
{
	static const char *good[] = { "net.*", "kernel.sem", "fs.mqueue.*", "kernel/shm*" };
	static const char *bad[] = { "*", "kernel.*", "vm.swappiness", "", "fs.*" };
	struct error err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		CHECK_OK(pod_admission_check_sysctls(&(struct option_list){ &good[i], 1 }, &err),
			 &err);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!pod_admission_check_sysctls(&(struct option_list){ &bad[i], 1 }, &err));
}

static const struct test tests[] = {
	{ "sysctls must be safe or allowed", sysctls_must_be_safe_or_allowed },
	{ "AppArmor needs the kernel", apparmor_needs_the_kernel },
	{ "patterns must be of namespaces", patterns_must_be_of_namespaces },
};
TEST_MAIN(tests)
