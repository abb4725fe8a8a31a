# list.sh - the tests by their names, each with what plays it.
# shellcheck shell=bash disable=SC2016,SC2086

# --- test/e2e/common/node, test/e2e/node ---

conforms C '[sig-node] ConfigMap should be consumable via environment variable' config_map_in_env
conforms C '[sig-node] ConfigMap should be consumable via the environment' config_map_as_env
conforms C '[sig-node] ConfigMap should fail to create ConfigMap with empty key' empty_key ConfigMap
conforms C '[sig-node] ConfigMap should run through a ConfigMap lifecycle' life_of configmap ConfigMap
conforms C '[sig-node] Secrets should be consumable from pods in env vars' secret_in_env
conforms C '[sig-node] Secrets should be consumable via the environment' secret_as_env
conforms C '[sig-node] Secrets should fail to create secret due to empty secret key' empty_key Secret
conforms C '[sig-node] Secrets should patch a secret' life_of secret Secret
conforms C '[sig-node] Container Lifecycle Hook should execute poststart exec hook properly' hook_post_start exec
conforms C '[sig-node] Container Lifecycle Hook should execute poststart http hook properly' hook_post_start http
conforms C '[sig-node] Container Lifecycle Hook should execute prestop exec hook properly' hook_pre_stop exec
conforms C '[sig-node] Container Lifecycle Hook should execute prestop http hook properly' hook_pre_stop http
cannot N '[sig-node] Container Lifecycle Hook should execute poststart https hook properly' 'busybox has no server of TLS; an https action is in tests/unit/agent/test_action.c'
cannot N '[sig-node] Container Lifecycle Hook should execute prestop https hook properly' 'busybox has no server of TLS; an https action is in tests/unit/agent/test_action.c'
conforms E '[sig-node] Lifecycle Sleep Hook: valid prestop hook using sleep action' hook_sleep 60 5 25
conforms E '[sig-node] Lifecycle Sleep Hook: reduce GracePeriodSeconds during runtime' hook_sleep 2 1 15
conforms E '[sig-node] Lifecycle Sleep Hook: ignore terminated container' hook_sleep_of_ended
conforms C '[sig-node] PreStop should call prestop when killing a pod' pre_stop_is_called
conforms E '[sig-node] PreStop graceful pod terminated should wait until preStop hook completes the process' pre_stop_hook_in_grace
conforms C '[sig-node] Container Runtime should report termination message as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set' message_of_success
conforms C '[sig-node] Container Runtime should report termination message from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set' message_of_file
conforms C '[sig-node] Container Runtime should report termination message from log output if TerminationMessagePolicy FallbackToLogsOnError is set' message_of_log
conforms C '[sig-node] Container Runtime should report termination message if TerminationMessagePath is set as non-root user and at a non-default path' message_of_user
conforms N '[sig-node] Container Runtime should report termination message if TerminationMessagePath is set' message_of_root
conforms C '[sig-node] Container Runtime when starting a container that exits should run with the expected status' statuses_of_policies
conforms N '[sig-node] Container Runtime should not be able to pull image from invalid registry' image_is_refused invalid.registry.example/invalid/alpine:3.1
cannot N '[sig-node] Container Runtime should not be able to pull from private registry without secret' 'the registry cannot be reached; pulls with and without secrets are in tests/cluster/registry.sh'
cannot N '[sig-node] Container Runtime should be able to pull image' 'the registry cannot be reached; pulls are in tests/cluster/registry.sh'
cannot N '[sig-node] Container Runtime should be able to pull from private registry with secret' 'the registry cannot be reached; pulls with secrets are in tests/cluster/registry.sh'
conforms C "[sig-node] Containers should use the image defaults if command and args are blank" command_is '/ep-2 override arguments'
conforms C "[sig-node] Containers should be able to override the image's default arguments (container cmd)" command_is '/ep-2 other words' 'args: [/ep-2, other, words]'
conforms C "[sig-node] Containers should be able to override the image's default command (container entrypoint)" command_is 'by command' "command: [/bin/echo, by, command]"
conforms C "[sig-node] Containers should be able to override the image's default command and arguments" command_is 'by both' "command: [/bin/echo], args: [by, both]"
conforms C "[sig-node] Downward API should provide pod name, namespace and IP address as env vars" downward_names
conforms C "[sig-node] Downward API should provide host IP as an env var" downward_host
conforms N "[sig-node] Downward API should provide host IP and pod IP as an env var if pod uses host network" downward_host 'hostNetwork: true' 172.30.0.11
conforms C "[sig-node] Downward API should provide pod UID as env vars" downward_uid
conforms C "[sig-node] Downward API should provide container's limits.cpu/memory and requests.cpu/memory as env vars" downward_resources
conforms C "[sig-node] Downward API should provide default limits.cpu/memory from node allocatable" downward_defaults
conforms E "[sig-node] Downward API should provide container's limits.ephemeral-storage and requests.ephemeral-storage as env vars" downward_ephemeral
conforms C '[sig-node] Ephemeral Containers will start an ephemeral container in an existing pod' ephemeral_starts
conforms C '[sig-node] Ephemeral Containers should update the ephemeral containers in an existing pod' ephemeral_added
conforms C '[sig-node] InitContainer should invoke init containers on a RestartNever pod' init_then_never
conforms C '[sig-node] InitContainer should invoke init containers on a RestartAlways pod' init_then_always
conforms C '[sig-node] InitContainer should not start app containers if init containers fail on a RestartAlways pod' init_fails_always
conforms C '[sig-node] InitContainer should not start app containers and fail the pod if init containers fail on a RestartNever pod' init_fails_never
conforms C '[sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs' kubelet_logs
conforms C '[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should have an terminated reason' kubelet_fails
conforms C '[sig-node] Kubelet when scheduling a busybox command that always fails in a pod should be possible to delete' kubelet_deletes_failed
conforms C '[sig-node] Kubelet when scheduling a read only busybox container should not write to root filesystem' kubelet_read_only
conforms C '[sig-node] Kubelet when scheduling an agnhost Pod with hostAliases should write entries to /etc/hosts' kubelet_aliases
conforms C '[sig-node] KubeletManagedEtcHosts should test kubelet managed /etc/hosts file' kubelet_hosts
conforms C '[sig-node] Lease lease API should be available' leases
conforms N '[sig-node] NodeLease the kubelet should create and update a lease in the kube-node-lease namespace' node_lease
conforms N '[sig-node] NodeLease should have OwnerReferences set' node_lease_owner
conforms C '[sig-node] Node Lifecycle should run through the lifecycle of a node' nodes_life
conforms C '[sig-node] PodTemplates should run the lifecycle of PodTemplates' templates_life
conforms C '[sig-node] PodTemplates should delete a collection of pod templates' templates_collection
conforms C '[sig-node] PodTemplates should replace a pod template' templates_replace
conforms C '[sig-node] Pods Extended Pods Set QOS Class should be set on Pods with matching resource requests and limits for memory and cpu' qos_of 'requests: {cpu: 100m, memory: 100Mi}, limits: {cpu: 100m, memory: 100Mi}' Guaranteed
conforms C '[sig-node] Pods should get a host IP' pods_host_ip
conforms C '[sig-node] Pods should be submitted and removed' pods_submitted_and_removed
conforms C '[sig-node] Pods should be updated' pods_updated
conforms C '[sig-node] Pods should allow activeDeadlineSeconds to be updated' pods_deadline
conforms C '[sig-node] Pods should contain environment variables for services' pods_service_env
conforms C '[sig-node] Pods should support remote command execution over websockets' pods_exec_by_web_socket
conforms C '[sig-node] Pods should support retrieving logs from the container over websockets' pods_logs_by_web_socket
conforms C '[sig-node] Pods should delete a collection of pods' pods_collection
conforms C '[sig-node] Pods should run through the lifecycle of Pods and PodStatus' pods_and_status
conforms C '[sig-node] Pods should patch a pod status' pods_patch_status
conforms N '[sig-node] Pods should support pod readiness gates' pods_gates
conforms N '[sig-node] Pods should have their auto-restart back-off timer reset on image update' pods_back_off_is_reset
cannot N '[sig-node] Pods should cap back-off at MaxContainerBackOff' 'takes half an hour: delays double from 10 s and end at 300 s, as the row above sees their first ones'
conforms C '[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass' class_absent
conforms C '[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass' class_deleted
conforms C '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass without PodOverhead' class_plain
conforms C '[sig-node] RuntimeClass should schedule a Pod requesting a RuntimeClass and initialize its Overhead' class_overhead
conforms C '[sig-node] RuntimeClass should support RuntimeClasses API operations' class_api
conforms N '[sig-node] RuntimeClass should reject a Pod requesting a RuntimeClass with an unconfigured handler' class_unconfigured
conforms N '[sig-node] RuntimeClass should run a Pod requesting a RuntimeClass with a configured handler' class_configured
conforms C '[sig-node] Security Context When creating a container with runAsUser should run the container with uid 65534' runs_as_user 65534
conforms N '[sig-node] Security Context When creating a container with runAsUser should run the container with uid 0' runs_as_user 0
conforms C '[sig-node] Security Context When creating a pod with privileged should run the container as unprivileged when false' privileged_is false
conforms N '[sig-node] Security Context When creating a pod with privileged should run the container as privileged when true' privileged_is true
conforms C '[sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with writable rootfs when readOnlyRootFilesystem=false' root_file_system false Succeeded
conforms N '[sig-node] Security Context When creating a pod with readOnlyRootFilesystem should run the container with readonly rootfs when readOnlyRootFilesystem=true' root_file_system true Failed
conforms C '[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should not allow privilege escalation when false' escalation_is false 'Effective uid: 1000'
conforms N '[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should allow privilege escalation when true' escalation_is true 'Effective uid: 0'
conforms N '[sig-node] Security Context when creating containers with AllowPrivilegeEscalation should allow privilege escalation when not explicitly set and uid != 0' escalation_is '' 'Effective uid: 0'
conforms N '[sig-node] Security Context When creating a container with runAsNonRoot should run with an explicit non-root user ID' non_root web:1 ', runAsUser: 1234' 1234
conforms N '[sig-node] Security Context When creating a container with runAsNonRoot should not run with an explicit root user ID' non_root_refused ', runAsUser: 0' "container's runAsUser breaks non-root policy"
conforms N '[sig-node] Security Context When creating a container with runAsNonRoot should run with an image specified user ID' non_root entry:1 '' 1000
conforms N '[sig-node] Security Context When creating a container with runAsNonRoot should not run without a specified user ID' non_root_refused '' 'container has runAsNonRoot and image will run as root'
conforms C '[sig-node] Security Context should support container.SecurityContext.RunAsUser And container.SecurityContext.RunAsGroup' ids_are 'uid=1001 gid=2002' '' 'securityContext: {runAsUser: 1001, runAsGroup: 2002}'
conforms C '[sig-node] Security Context should support pod.Spec.SecurityContext.RunAsUser And pod.Spec.SecurityContext.RunAsGroup' ids_are 'uid=1001 gid=2002' 'securityContext: {runAsUser: 1001, runAsGroup: 2002}'
conforms E '[sig-node] Security Context should support pod.Spec.SecurityContext.RunAsUser' ids_are 'uid=1001' 'securityContext: {runAsUser: 1001}'
conforms E '[sig-node] Security Context should support container.SecurityContext.RunAsUser' ids_are 'uid=1002' 'securityContext: {runAsUser: 1001}' 'securityContext: {runAsUser: 1002}'
conforms E '[sig-node] Security Context should support pod.Spec.SecurityContext.SupplementalGroups' supplemental_groups
conforms E '[sig-node] Security Context should support seccomp unconfined on the container' seccomp_is 0 '' 'securityContext: {seccompProfile: {type: Unconfined}}'
conforms E '[sig-node] Security Context should support seccomp unconfined on the pod' seccomp_is 0 'securityContext: {seccompProfile: {type: Unconfined}}'
conforms E '[sig-node] Security Context should support seccomp runtime/default' seccomp_is 2 '' 'securityContext: {seccompProfile: {type: RuntimeDefault}}'
differs E '[sig-node] Security Context should support seccomp default which is unconfined' 'a pod that says nothing gets `RuntimeDefault`, as with the `seccompDefault` of kubelets'
conforms E '[sig-node] Security Context when pod should run with the shared PID namespace' shared_process_space
conforms E '[sig-node] Security Context When creating a pod with HostPID should show its pid in the host PID namespace' host_space true
conforms E '[sig-node] Security Context When creating a pod with HostPID should not show its pid in the non-hostpid containers' host_space false
conforms E '[sig-node] Security Context When creating a pod with HostNetwork should listen on same port in the host network containers' host_network true
conforms E "[sig-node] Security Context When creating a pod with HostNetwork shouldn't show the same port in the non-hostnetwork containers" host_network false
conforms C '[sig-node] Sysctls should support sysctls' sysctl_applied kernel.shm_rmid_forced
conforms N '[sig-node] Sysctls should support sysctls with slashes as separator' sysctl_applied kernel/shm_rmid_forced
conforms C '[sig-node] Sysctls should reject invalid sysctls' sysctl_invalid
conforms N '[sig-node] Sysctls should not launch unsafe, but not explicitly enabled sysctls on the node' sysctl_unsafe
conforms C '[sig-node] Variable Expansion should allow composing env vars into new env vars' expands_env
conforms C "[sig-node] Variable Expansion should allow substituting values in a container's command" expands_command
conforms C "[sig-node] Variable Expansion should allow substituting values in a container's args" expands_args
conforms C '[sig-node] Variable Expansion should allow substituting values in a volume subpath' expands_sub_path
conforms C '[sig-node] Variable Expansion should fail substituting values in a volume subpath with backticks' bad_sub_path ..
conforms C '[sig-node] Variable Expansion should fail substituting values in a volume subpath with absolute path' bad_sub_path /tmp
conforms C '[sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container' sub_path_mended
conforms C '[sig-node] Variable Expansion should succeed in writing subpaths in container' sub_path_written
p='[sig-node] Hostname of Pod'
conforms N "$p a pod without subdomain field does not have FQDN" names_are '' 'prints;prints;'
conforms N "$p a pod without FQDN is not affected by SetHostnameAsFQDN field" names_are 'setHostnameAsFQDN: true' 'prints;prints;'
conforms N "$p a pod with subdomain field has FQDN, hostname is shortname" names_are 'subdomain: sub' 'prints;prints.sub.NS.svc.cluster.local;'
conforms N "$p a pod with subdomain field has FQDN, when setHostnameAsFQDN is set to true, the FQDN is set as hostname" names_are 'subdomain: sub, setHostnameAsFQDN: true' 'prints.sub.NS.svc.cluster.local;prints.sub.NS.svc.cluster.local;'
conforms N "$p a pod configured to set FQDN as hostname will remain in Pending state generating FailedCreatePodSandBox event when the FQDN is longer than 64 bytes" name_too_long
alone C '[sig-node] NoExecuteTaintManager Multiple Pods evicts pods with minTolerationSeconds' taint_two
alone C '[sig-node] NoExecuteTaintManager Single Pod removing taint cancels eviction' taint_removed
alone E '[sig-node] NoExecuteTaintManager Single Pod evicts pods from tainted nodes' taint_evicts
alone E "[sig-node] NoExecuteTaintManager Single Pod doesn't evict pod with tolerations from tainted nodes" taint_tolerated

# --- test/e2e/common/node/container_probe.go ---

p='[sig-node] Probing container'
conforms C "$p with readiness probe should not be ready before initial delay and never restart" probe_ready_later
conforms C "$p with readiness probe that fails should never be ready and never restart" probe_never_ready
conforms C "$p should be restarted with a exec \"cat /tmp/health\" liveness probe" probe_exec_gone
conforms C "$p should *not* be restarted with a exec \"cat /tmp/health\" liveness probe" probe_exec_stays
conforms C "$p should be restarted with a /healthz http liveness probe" probe_http_gone
conforms C "$p should *not* be restarted with a tcp:8080 liveness probe" probe_tcp_stays
conforms C "$p should have monotonically increasing restart count" probe_monotone
conforms C "$p should *not* be restarted with a /healthz http liveness probe" probe_http_stays
conforms C "$p should *not* be restarted with a GRPC liveness probe" probe_grpc_stays
conforms C "$p should be restarted with a GRPC liveness probe" probe_grpc_gone
conforms N "$p should be restarted with an exec liveness probe with timeout" probe_exec_timeout
conforms N "$p should not be ready with an exec readiness probe timeout" probe_ready_timeout
conforms N "$p should be restarted with a failing exec liveness probe that took longer than the timeout" probe_exec_timeout_and_fails
conforms N "$p should be restarted with a local redirect http liveness probe" probe_redirect_local
conforms N "$p should *not* be restarted with a non-local redirect http liveness probe" probe_redirect_elsewhere
conforms N "$p should be restarted startup probe fails" probe_startup_fails
conforms N "$p should *not* be restarted by liveness probe because startup probe delays it" probe_startup_delays
conforms N "$p should be restarted by liveness probe after startup probe enables it" probe_startup_then_liveness
conforms N "$p should be ready immediately after startupProbe succeeds" probe_startup_then_ready
conforms N "$p should override timeoutGracePeriodSeconds when LivenessProbe field is set" probe_grace_of_liveness
conforms N "$p should override timeoutGracePeriodSeconds when StartupProbe field is set" probe_grace_of_startup
conforms N "$p should mark readiness on pods to false while pod is in progress of terminating when a pod has a readiness probe" ready_while_ending ''
conforms N "$p should mark readiness on pods to false and disable liveness probes while pod is in progress of terminating" ready_while_ending ', livenessProbe: {exec: {command: [cat, /tmp/live]}, failureThreshold: 1, periodSeconds: 1}'

# --- test/e2e/common/storage, test/e2e/storage ---

for pair in "config ConfigMap plain" "config:Projected configMap:projected" "secret Secrets plain" "secret:Projected secret:projected"; do
	case $pair in *:*) IFS=: read -r kind what shape <<< "$pair" ;; *) read -r kind what shape <<< "$pair" ;; esac
	p="[sig-storage] $what"
	conforms C "$p should be consumable from pods in volume" source_read $shape $kind simple
	conforms C "$p should be consumable from pods in volume with defaultMode set" source_read $shape $kind mode
	conforms C "$p should be consumable from pods in volume with mappings" source_read $shape $kind map
	conforms C "$p should be consumable from pods in volume with mappings and Item mode set" source_read $shape $kind map-mode
	conforms C "$p optional updates should be reflected in volume" source_optional $shape $kind
	if [ $kind = config ]; then
		conforms C "$p should be consumable in multiple volumes in the same pod" source_read $shape $kind twice
		conforms C "$p should be consumable from pods in volume as non-root" source_read $shape $kind user
		conforms C "$p should be consumable from pods in volume with mappings as non-root" source_read $shape $kind map-user
		conforms C "$p updates should be reflected in volume" source_updated $shape
		conforms N "$p should be consumable from pods in volume as non-root with FSGroup" source_read $shape $kind group
		conforms N "$p should be consumable from pods in volume as non-root with defaultMode and fsGroup set" source_read $shape $kind user-mode-group
		conforms N "$p should be consumable from pods in volume with mappings as non-root with FSGroup" source_read $shape $kind map-user-group
	else
		conforms C "$p should be consumable in multiple volumes in a pod" source_read $shape $kind twice
		conforms C "$p should be consumable from pods in volume as non-root with defaultMode and fsGroup set" source_read $shape $kind user-mode-group
		conforms "$([ $shape = plain ] && echo C || echo N)" "$p should be able to mount in a volume regardless of a different secret existing with same name in different namespace" source_read $shape $kind other-namespace
	fi
done
conforms C '[sig-storage] ConfigMap binary data should be reflected in volume' source_binary
conforms C '[sig-storage] ConfigMap should be immutable if `immutable` field is set' source_immutable configmap config
conforms C '[sig-storage] Secrets should be immutable if `immutable` field is set' source_immutable secret secret
conforms E '[sig-storage] ConfigMap Should fail non-optional pod creation due to configMap object does not exist' source_missing 'configMap: {name: none}' 'configmap "none" not found'
conforms E '[sig-storage] ConfigMap Should fail non-optional pod creation due to the key in the configMap object does not exist' source_missing 'configMap: {name: have, items: [{key: b, path: b}]}' 'references non-existent config key: b'
conforms E '[sig-storage] Projected configMap Should fail non-optional pod creation due to configMap object does not exist' source_missing 'projected: {sources: [{configMap: {name: none}}]}' 'configmap "none" not found'
conforms E '[sig-storage] Projected configMap Should fail non-optional pod creation due to the key in the configMap object does not exist' source_missing 'projected: {sources: [{configMap: {name: have, items: [{key: b, path: b}]}}]}' 'references non-existent config key: b'
conforms E '[sig-storage] Secrets Should fail non-optional pod creation due to secret object does not exist' source_missing 'secret: {secretName: none}' 'secret "none" not found'
conforms E '[sig-storage] Secrets Should fail non-optional pod creation due to the key in the secret object does not exist' source_missing 'secret: {secretName: have, items: [{key: b, path: b}]}' 'references non-existent secret key: b'
conforms E '[sig-storage] Projected secret Should fail non-optional pod creation due to secret object does not exist' source_missing 'projected: {sources: [{secret: {name: none}}]}' 'secret "none" not found'
conforms E '[sig-storage] Projected secret Should fail non-optional pod creation due to the key in the secret object does not exist' source_missing 'projected: {sources: [{secret: {name: have, items: [{key: b, path: b}]}}]}' 'references non-existent secret key: b'

for shape in plain projected; do
	p='[sig-storage] Downward API volume'
	[ $shape = plain ] || p='[sig-storage] Projected downwardAPI'
	conforms C "$p should provide podname only" about_pod $shape name
	conforms C "$p should set DefaultMode on files" about_pod $shape mode
	conforms C "$p should set mode on item file" about_pod $shape item-mode
	conforms N "$p should provide podname as non-root with fsgroup" about_pod $shape group
	conforms N "$p should provide podname as non-root with fsgroup and defaultMode" about_pod $shape group-mode
	conforms C "$p should update labels on modification" changes_seen $shape labels
	conforms C "$p should update annotations on modification" changes_seen $shape annotations
	conforms C "$p should provide container's cpu limit" amount $shape limits.cpu 2
	conforms C "$p should provide container's memory limit" amount $shape limits.memory 67108864
	conforms C "$p should provide container's cpu request" amount $shape requests.cpu 1
	conforms C "$p should provide container's memory request" amount $shape requests.memory 33554432
	conforms C "$p should provide node allocatable (cpu) as default cpu limit if the limit is not set" amount $shape limits.cpu node-cpu no
	conforms C "$p should provide node allocatable (memory) as default memory limit if the limit is not set" amount $shape limits.memory node-memory no
done
conforms C '[sig-storage] Projected combined should project all components that make up the projection API' all_projected

p='[sig-storage] EmptyDir volumes'
for user in root non-root; do
	for mode in 0644 0666 0777; do
		for medium in tmpfs default; do
			conforms C "$p should support ($user,$mode,$medium)" empty_dir $user $mode $medium
		done
	done
done
conforms C "$p volume on tmpfs should have the correct mode" empty_dir_mode tmpfs drwxrwxrwx
conforms C "$p volume on default medium should have the correct mode" empty_dir_mode default drwxrwxrwx
conforms C "$p pod should support shared volumes between containers" empty_dir_shared
conforms E "$p pod should support memory backed volumes of specified size" empty_dir_limited
conforms N "$p when FSGroup is specified new files should be created with FSGroup ownership when container is root" empty_dir_group root tmpfs
conforms N "$p when FSGroup is specified new files should be created with FSGroup ownership when container is non-root" empty_dir_group non-root tmpfs
conforms N "$p when FSGroup is specified files with FSGroup ownership should support (root,0644,tmpfs)" empty_dir_group root default
conforms N "$p when FSGroup is specified nonexistent volume subPath should have the correct mode and owner using FSGroup" empty_dir_sub_path
conforms N "$p when FSGroup is specified volume on default medium should have the correct mode using FSGroup" empty_dir_mode default 'drwxrwsrwx 123' 'securityContext: {fsGroup: 123}'
conforms N "$p when FSGroup is specified volume on tmpfs should have the correct mode using FSGroup" empty_dir_mode tmpfs 'drwxrwsrwx 123' 'securityContext: {fsGroup: 123}'
conforms C '[sig-storage] EmptyDir wrapper volumes should not conflict' wrappers_do_not_conflict
alone C '[sig-storage] EmptyDir wrapper volumes should not cause race condition when used for configmaps' wrappers_do_not_race
conforms N '[sig-storage] HostPath should give a volume the correct mode' host_path_mode
conforms N '[sig-storage] HostPath should support r/w' host_path_written
conforms N '[sig-storage] HostPath should support subPath' host_path_sub
conforms E '[sig-storage] HostPathType Directory Should be able to mount directory successfully when HostPathType is HostPathDirectory' host_path_type Directory adir
conforms E "[sig-storage] HostPathType Directory Should fail on mounting non-existent directory when HostPathType is HostPathDirectory" host_path_type Directory none 'hostPath type check failed'
conforms E "[sig-storage] HostPathType Directory Should fail on mounting directory when HostPathType is HostPathFile" host_path_type File adir 'hostPath type check failed'
conforms E "[sig-storage] HostPathType File Should be able to mount file successfully when HostPathType is HostPathFile" host_path_type File afile
conforms E "[sig-storage] HostPathType File Should fail on mounting file when HostPathType is HostPathSocket" host_path_type Socket afile 'hostPath type check failed'
conforms E "[sig-storage] HostPathType File Should be able to mount file successfully when HostPathType is HostPathUnset" host_path_type '' afile

p='[sig-storage] Subpath Atomic writer volumes should support subpaths with'
conforms C "$p secret pod" sub_path 'secret: {secretName: s}' secret-key secret-value
conforms C "$p configmap pod" sub_path 'configMap: {name: c}' configmap-key configmap-value
conforms C "$p configmap pod with mountPath of existing file" sub_path 'configMap: {name: c}' configmap-key configmap-value /etc/resolv.conf
conforms C "$p downward pod" sub_path 'downwardAPI: {items: [{path: downward/podname, fieldRef: {fieldPath: metadata.name}}]}' downward/podname p
conforms C "$p projected pod" sub_path 'projected: {sources: [{configMap: {name: c, items: [{key: configmap-key, path: projected/configmap-key}]}}]}' projected/configmap-key configmap-value

conforms C '[sig-storage] CSIInlineVolumes should run through the lifecycle of a CSIDriver' storage_life csidrivers CSIDriver 'spec: {volumeLifecycleModes: [Ephemeral]}'
conforms C '[sig-storage] CSIInlineVolumes should support CSIVolumeSource in Pod API' driver_volume
conforms C '[sig-storage] CSINodes CSI Conformance should run through the lifecycle of a csinode' storage_life csinodes CSINode 'spec: {drivers: []}'
conforms C '[sig-storage] CSIStorageCapacity should support CSIStorageCapacities API operations' capacities
conforms C '[sig-storage] StorageClasses CSI Conformance should run through the lifecycle of a StorageClass' storage_life storageclasses StorageClass 'provisioner: e2e-fake-provisioner'
conforms C '[sig-storage] VolumeAttachment Conformance should run through the lifecycle of a VolumeAttachment' storage_life volumeattachments VolumeAttachment 'spec: {attacher: e2e-test.storage.k8s.io, source: {persistentVolumeName: e2e-pv}, nodeName: n1}'
conforms C '[sig-storage] VolumeAttachment Conformance should apply changes to a volumeattachment status' attachment_status
conforms C '[sig-storage] PersistentVolumes CSI Conformance should run through the lifecycle of a PV and a PVC' volumes_life
conforms C '[sig-storage] PersistentVolumes CSI Conformance should apply changes to a pv/pvc status' volumes_status

# --- test/e2e/instrumentation, test/e2e/node/events.go ---

conforms C '[sig-instrumentation] Events should manage the lifecycle of an event' core_events_life
conforms C '[sig-instrumentation] Events should delete a collection of events' core_events_collection
conforms C '[sig-instrumentation] Events API should ensure that an event can be fetched, patched, deleted, and listed' new_events_life
conforms C '[sig-instrumentation] Events API should delete a collection of events' new_events_collection
conforms E '[sig-node] Events should be sent by kubelets and the scheduler about pods scheduling and running' events_are_sent

# --- test/e2e/kubectl ---

p='[sig-cli] Kubectl'
conforms C "$p client Update Demo should create and stop a replication controller" demo_created
conforms C "$p client Update Demo should scale a replication controller" demo_scaled
conforms C "$p client Guestbook application should create and stop a working application" guestbook
conforms C "$p client Kubectl api-versions should check if v1 is in available api versions" api_versions
conforms C "$p client Kubectl cluster-info should check if Kubernetes control plane services is included in cluster-info" cluster_info
conforms C "$p client Kubectl describe should check if kubectl describe prints relevant information for rc and pods" describe_all
conforms E "$p client Kubectl describe should check if kubectl describe prints relevant information for cronjob" describe_cron_job
conforms C "$p client Kubectl diff should check if kubectl diff finds a difference for Deployments" diff_of_deployment
conforms C "$p client Kubectl expose should create services for rc" expose_rc
conforms C "$p client Kubectl label should update the label on a resource" label_pod
conforms C "$p client Kubectl patch should add annotations for pods in rc" patch_pods_of_rc
conforms C "$p client Kubectl replace should update a single-container pod's image" replace_image
conforms C "$p client Kubectl run pod should create a pod from an image when restart is Never" run_pod
conforms C "$p client Kubectl server-side dry-run should check if kubectl can dry-run update Pods" dry_run
conforms C "$p client Kubectl version should check is all data is printed" version
conforms C "$p client Proxy server should support --unix-socket=/path" proxy_socket
conforms C "$p client Proxy server should support proxy with --port 0" proxy_port_zero
conforms C "$p logs logs should be able to retrieve and filter logs" logs_filtered
conforms E "$p logs default container logs the second container is the default-container by annotation should log default container if not specified" logs_of_default_container
conforms E "$p client Simple pod should support exec" exec_in_pod
conforms E "$p client Kubectl copy should copy a file from a running Pod" cp_file
conforms E "$p client Kubectl create quota should create a quota with scopes" quota_made
conforms E "$p client Kubectl apply should reuse port and keep what others set" apply_keeps_and_view
alone E "$p client Kubectl taint should update the taint on a node" taint_node
