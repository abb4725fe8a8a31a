/*
 * limits.h - every limit on sizes and counts that come from outside, with its why.
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* What kube-apiserver takes as a request body; etcd's and our own values stay well below. */
#define LIMIT_BODY (3u * 1024 * 1024)
/* Real manifests stay under 30; deeper ones only exist to exhaust a stack. */
#define LIMIT_JSON_DEPTH 128
/* Alias bombs: a 3 MiB document without aliases cannot reach this many nodes. */
#define LIMIT_YAML_NODES 200000
/* Texts copied by aliases: one long text named many times would fill the memory. */
#define LIMIT_YAML_ALIAS_BYTES (8u * 1024 * 1024)
/* %TAG lines: libyaml compares each with all others. */
#define LIMIT_YAML_DIRECTIVES 64
/* Request line + headers: service account tokens reach 2 KiB, OIDC tokens with groups 8 KiB. */
#define LIMIT_HTTP_HEAD    (64u * 1024)
#define LIMIT_HTTP_HEADERS 128
/* Connections of the API port; each costs about 20 KiB idle. */
#define LIMIT_CONNECTIONS 4096
/* Open streams of one tunnel: exec, logs and port-forwards of one node. */
#define LIMIT_TUNNEL_STREAMS 4096
/* One WebSocket message from a client. */
#define LIMIT_WEBSOCKET_MESSAGE (1024u * 1024)
/* RFC 6902 documents larger than this only exist to burn CPU; same number as kube-apiserver. */
#define LIMIT_JSON_PATCH_OPS 10000
/* Fields that one manager can own: objects of more are not tracked (the real server gives up at a
 * size, too); each costs about 2 KB while they are applied. */
#define LIMIT_FIELDS 20000
/* Entries of managedFields: each new one is compared with all others. */
#define LIMIT_MANAGERS 1000
/* Changes kept in memory for watchers; an older watch gets 410 and lists again. */
#define LIMIT_FEED_EVENTS 8192
#define LIMIT_FEED_BYTES  (8u * 1024 * 1024)
/* Events kept: the oldest of more go before their hour is over.  Each costs about 2 KiB. */
#define LIMIT_EVENTS 8192
/* Bytes on their way to watchers that all of them may have together; beyond it those that read
 * slowest are cut off.  One has a little more than 64 KiB. */
#define LIMIT_WATCH_PENDING (32u * 1024 * 1024)
/* Compressed lists kept for those who ask for the same at the same time. */
#define LIMIT_PACKED_BYTES (2u * 1024 * 1024)
/* Page size of lists when the client names a larger or no limit is unlimited; tokens are short. */
#define LIMIT_CONTINUE_TOKEN 4096
/* An image manifest or config; registries refuse more than 4 MiB. */
#define LIMIT_IMAGE_MANIFEST (4u * 1024 * 1024)
/* Layers of one image: overlayfs mount options and sane images. */
#define LIMIT_IMAGE_LAYERS 128
/* One unpacked layer and its entries: a bomb stops here. */
#define LIMIT_LAYER_BYTES   (8ull * 1024 * 1024 * 1024)
#define LIMIT_LAYER_ENTRIES 1000000
/* Evictions that a budget has paid for and its controller has not counted yet; as the real one. */
#define LIMIT_DISRUPTED_PODS 2000
/* One file of a time zone: the largest of the IANA database has 4 KiB. */
#define LIMIT_ZONE_FILE (256u * 1024)
/* Zones kept in memory: more than the database has names. */
#define LIMIT_ZONES 1000
/* One configuration or token file. */
#define LIMIT_CONFIG_FILE (1024u * 1024)

/* What another API server tells of its resources: some 10000 names of metrics. */
#define LIMIT_REMOTE_RESOURCES (2u * 1024 * 1024)

/* An update (docs/decisions/0010-update.md): binary and images of one processor. */
#define LIMIT_BUNDLE (4ull * 1024 * 1024 * 1024)
/* Its list of contents, and how many lines that may have. */
#define LIMIT_BUNDLE_MANIFEST (256u * 1024)
#define LIMIT_BUNDLE_ENTRIES  4096
/* Signatures and roots beside it: read before anything is proved.  Each check costs tens of
 * milliseconds on the smallest boards. */
#define LIMIT_SIGNATURE_BYTES (64u * 1024)
#define LIMIT_SIGNATURES      64
#define LIMIT_ROOTS           16
/* One root of trust: 16 keys and as many signatures have 8 KiB. */
#define LIMIT_ROOT      (16u * 1024)
#define LIMIT_ROOT_KEYS 16
/* Old and new file of a delta: the decoder needs the new one in memory. */
#define LIMIT_DELTA_FILE (32u * 1024 * 1024)
/* One file of manifests: two and a half objects of the largest size; parsed in a thread of its own.
 */
#define LIMIT_MANIFEST_FILE (8u * 1024 * 1024)
/* Objects of one such file, and files in the folder: their names are kept in one object a file. */
#define LIMIT_MANIFEST_OBJECTS 2000
#define LIMIT_MANIFEST_FILES   1000
/* Folders in folders below it. */
#define LIMIT_MANIFEST_DEPTH 8

/* Disks that figures are told of: a storage server has some dozens, with their maps. */
#define LIMIT_COUNTED_DISKS 64
/* Processes of one container that are looked at, and open files of theirs that are counted: what
 * has more is told as having so many.  The largest takes a servant about a tenth of a second. */
#define LIMIT_COUNTED_PROCESSES   10000
#define LIMIT_COUNTED_DESCRIPTORS 50000
/* Processor time of one such count over all containers: what it does not reach is not told. */
#define LIMIT_COUNTING_MS 1000

#endif
