/*
 * absent_options.c - one table.  Going on without a harmless one gives what was wanted; all others
 * stop the start, because the machine would not be what its owner thinks it is.
 */
#include "cli/absent_options.h"

#define REFUSED(name, reason)                                                                      \
	{                                                                                          \
		.flag = (name), .why = (reason)                                                    \
	}
#define REFUSED_SWITCH(name, reason)                                                               \
	{                                                                                          \
		.flag = (name), .is_switch = true, .why = (reason)                                 \
	}
#define NEEDLESS(name, reason)                                                                     \
	{                                                                                          \
		.flag = (name), .harmless = true, .why = (reason)                                  \
	}
#define NEEDLESS_SWITCH(name, reason)                                                              \
	{                                                                                          \
		.flag = (name), .is_switch = true, .harmless = true, .why = (reason)               \
	}

#define NO_ETCD       "mote keeps its state in SQLite, there is no etcd"
#define SQLITE_ONLY   "mote keeps its state in SQLite only"
#define ONE_PROGRAM   "the control plane is one program of its own, without that component"
#define OWN_RUNTIME   "containers are run by mote itself, there is no other runtime to choose"
#define OWN_NETWORK   "the pod network is mote's own, there are no plug-ins"
#define ONE_SERVER    "a cluster of mote has one server; other machines join with mote agent"
#define THE_TUNNEL    "agents reach the server through their tunnel and open no port"
#define IPV4          "the pod network is IPv4 behind VXLAN between the nodes' own addresses"
#define NO_COMPONENT  "mote has no such component"
#define NO_CREDENTIAL "logins of registries are in registries.yaml and pull secrets only"
#define NO_VPN        "mote starts no VPN; set it up outside, and give --node-ip"

const struct option_absent absent_options[] = {
	/* logging */
	NEEDLESS("vmodule", "log lines have one level for all parts"),
	/* listening */
	NEEDLESS_SWITCH("tls-san-security", "the certificate has the names of --tls-san only"),
	NEEDLESS("lb-server-port", THE_TUNNEL),
	NEEDLESS_SWITCH("disable-apiserver-lb", THE_TUNNEL),
	NEEDLESS("egress-selector-mode", "calls to nodes always go through their tunnels"),
	REFUSED_SWITCH("supervisor-metrics", "there are no metrics yet"),
	REFUSED_SWITCH("enable-pprof", "mote is written in C and has no such profile"),
	/* networking */
	REFUSED_SWITCH("flannel-ipv6-masq", IPV4),
	REFUSED_SWITCH("flannel-external-ip", IPV4),
	REFUSED("flannel-conf", OWN_NETWORK),
	REFUSED("flannel-cni-conf", OWN_NETWORK),
	NEEDLESS("servicelb-namespace", "there are no load balancers of services"),
	REFUSED("node-internal-dns", "nodes are known by their addresses and host names"),
	REFUSED("node-external-dns", "nodes are known by their addresses and host names"),
	REFUSED("vpn-auth", NO_VPN),
	REFUSED("vpn-auth-file", NO_VPN),
	/* cluster */
	{ .flag = "server", .letter = 's', .why = ONE_SERVER },
	NEEDLESS_SWITCH("cluster-init", "a server without a cluster makes one"),
	REFUSED_SWITCH("cluster-reset", ONE_SERVER),
	REFUSED("cluster-reset-restore-path", NO_ETCD),
	/* components */
	REFUSED("kube-apiserver-arg", ONE_PROGRAM),
	REFUSED("kube-controller-manager-arg", ONE_PROGRAM),
	REFUSED("kube-cloud-controller-manager-arg", ONE_PROGRAM),
	REFUSED("kube-proxy-arg",
		"services are nftables rules of mote's own, there is no kube-proxy"),
	REFUSED("etcd-arg", NO_ETCD),
	REFUSED_SWITCH("disable-scheduler", ONE_PROGRAM),
	REFUSED_SWITCH("disable-kube-proxy", "services are part of the pod network"),
	REFUSED_SWITCH("disable-apiserver", ONE_PROGRAM),
	REFUSED_SWITCH("disable-controller-manager", ONE_PROGRAM),
	NEEDLESS_SWITCH("disable-cloud-controller", NO_COMPONENT),
	NEEDLESS_SWITCH("disable-network-policy", NO_COMPONENT),
	NEEDLESS_SWITCH("disable-helm-controller", NO_COMPONENT),
	NEEDLESS_SWITCH("disable-etcd", NO_ETCD),
	NEEDLESS("helm-job-image", "there is no Helm controller"),
	NEEDLESS("system-default-registry", "mote needs no images of its own"),
	REFUSED_SWITCH("embedded-registry", "nodes do not share images with each other"),
	/* database */
	REFUSED("datastore-endpoint", SQLITE_ONLY),
	REFUSED("datastore-cafile", SQLITE_ONLY),
	REFUSED("datastore-certfile", SQLITE_ONLY),
	REFUSED("datastore-keyfile", SQLITE_ONLY),
	REFUSED_SWITCH("kine-tls", SQLITE_ONLY),
	REFUSED_SWITCH("etcd-expose-metrics", NO_ETCD),
	NEEDLESS_SWITCH("etcd-disable-snapshots", NO_ETCD),
	REFUSED("etcd-snapshot-schedule-cron", NO_ETCD),
	REFUSED("etcd-snapshot-retention", NO_ETCD),
	REFUSED("etcd-snapshot-dir", NO_ETCD),
	REFUSED("etcd-snapshot-name", NO_ETCD),
	REFUSED_SWITCH("etcd-snapshot-compress", NO_ETCD),
	REFUSED_SWITCH("etcd-s3", NO_ETCD),
	REFUSED("etcd-s3-endpoint", NO_ETCD),
	REFUSED("etcd-s3-endpoint-ca", NO_ETCD),
	REFUSED_SWITCH("etcd-s3-skip-ssl-verify", NO_ETCD),
	REFUSED("etcd-s3-access-key", NO_ETCD),
	REFUSED("etcd-s3-secret-key", NO_ETCD),
	REFUSED("etcd-s3-session-token", NO_ETCD),
	REFUSED("etcd-s3-bucket", NO_ETCD),
	REFUSED("etcd-s3-bucket-lookup-type", NO_ETCD),
	REFUSED("etcd-s3-region", NO_ETCD),
	REFUSED("etcd-s3-folder", NO_ETCD),
	REFUSED("etcd-s3-proxy", NO_ETCD),
	REFUSED("etcd-s3-config-secret", NO_ETCD),
	REFUSED_SWITCH("etcd-s3-insecure", NO_ETCD),
	REFUSED("etcd-s3-timeout", NO_ETCD),
	REFUSED("etcd-s3-retention", NO_ETCD),
	/* storage */
	NEEDLESS_SWITCH("secrets-encryption", "secrets are sealed on the disk, always"),
	NEEDLESS("secrets-encryption-provider", "secrets are sealed in one way only"),
	/* runtime */
	REFUSED("container-runtime-endpoint", OWN_RUNTIME),
	REFUSED("image-service-endpoint", OWN_RUNTIME),
	REFUSED("default-runtime", OWN_RUNTIME),
	REFUSED_SWITCH("docker", OWN_RUNTIME),
	REFUSED("snapshotter", "layers of images are put together with overlayfs, always"),
	NEEDLESS("pause-image", "pods have no pause container"),
	REFUSED_SWITCH("disable-default-registry-endpoint",
		       "a registry that has mirrors in registries.yaml is still asked last"),
	REFUSED_SWITCH("nonroot-devices", "containers get no devices of the machine"),
	REFUSED("image-credential-provider-bin-dir", NO_CREDENTIAL),
	REFUSED("image-credential-provider-config", NO_CREDENTIAL),
	/* machine */
	REFUSED_SWITCH("rootless",
		       "a node needs root: it makes namespaces, mounts and packet rules"),
	REFUSED_SWITCH("selinux", "containers get no SELinux labels"),
	REFUSED_SWITCH("protect-kernel-defaults",
		       "the agent sets the kernel's switches that it needs"),
	NEEDLESS_SWITCH("prefer-bundled-bin", "mote starts no programs of the machine"),
	{ 0 },
};
