# walk_probes.sh - test/e2e/common/node/container_probe.go: who is restarted, who is ready, when.
# shellcheck shell=bash disable=SC2016,SC2154,SC2317

watch=${MOTE_CONFORMANCE_WATCH:-40}

# A server that answers /healthz for ten seconds and refuses it from then on, as agnhost's does.
sick='name: a, image: "web:1", command: [sh, -c, "mkdir /tmp/w; touch /tmp/w/healthz /tmp/w/index.html; httpd -p 8080 -h /tmp/w; sleep 10; rm /tmp/w/healthz; sleep 600"]'
well='name: a, image: "web:1", command: [httpd, -f, -p, "80", -h, /www]'

# stays CONTAINER [SPEC]: it runs and is not restarted while it is watched.
stays() {
	pod_with l "${2:+$2, }containers: [{$1}]"
	phase l Running
	sleep "$watch"
	equal 0 restarts l
}

# is_restarted CONTAINER [SPEC]: once at least, and it says why.
is_restarted() {
	pod_with l "${2:+$2, }containers: [{$1}]"
	phase l Running
	restarts_are 1 l 150
}

probe_exec_gone() {
	is_restarted "$(does 'echo ok > /tmp/health; sleep 10; rm -f /tmp/health; sleep 600'), livenessProbe: {exec: {command: [cat, /tmp/health]}, initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 1}"
	told l Unhealthy "Liveness probe failed: cat: can't open '/tmp/health': No such file or directory"
	told l Killing "Container a failed liveness probe, will be restarted"
}

probe_exec_stays() {
	stays "$(does 'echo ok > /tmp/health; sleep 600'), livenessProbe: {exec: {command: [cat, /tmp/health]}, initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 1}"
}

probe_http_gone() {
	is_restarted "$sick, livenessProbe: {httpGet: {path: /healthz, port: 8080}, initialDelaySeconds: 15, failureThreshold: 1}"
	told l Unhealthy "Liveness probe failed: HTTP probe failed with statuscode: 404"
}

probe_http_stays() {
	stays "$well, livenessProbe: {httpGet: {path: /, port: 80}, initialDelaySeconds: 15, timeoutSeconds: 5, failureThreshold: 5}"
}

probe_tcp_stays() {
	stays "$sick, livenessProbe: {tcpSocket: {port: 8080}, initialDelaySeconds: 15, failureThreshold: 1}"
}

# Three restarts one after the other (the original: five).
probe_monotone() {
	pod_with l "containers: [{$sick, livenessProbe: {httpGet: {path: /healthz, port: 8080}, initialDelaySeconds: 5, failureThreshold: 1}}]"
	last=0
	end=$((SECONDS + 400))
	while [ "$last" -lt 3 ]; do
		now=$(restarts l)
		[ "${now:-0}" -ge "$last" ] || { echo "$now after $last"; return 1; }
		last=${now:-0}
		[ "$SECONDS" -lt "$end" ] || { k describe pod l; return 1; }
		sleep 1
	done
}

# A server of the health service, by hand: its answers are always the same bytes, whatever the question is.
grpc='name: a, image: "grpc:1", command: [nc, -ll, -p, "5000", -e, /www/health]'

probe_grpc_stays() {
	stays "$grpc, livenessProbe: {grpc: {port: 5000}, initialDelaySeconds: 5, timeoutSeconds: 5, failureThreshold: 1}"
	told l Unhealthy "" && return 1
	return 0
}

probe_grpc_gone() {
	is_restarted "$grpc, livenessProbe: {grpc: {port: 2333}, initialDelaySeconds: 20, timeoutSeconds: 5, failureThreshold: 1}"
}

probe_ready_later() {
	pod_with r "containers: [{$well, readinessProbe: {httpGet: {path: /, port: 80}, initialDelaySeconds: 30}}]"
	phase r Running
	equal False of pod/r '{.status.conditions[?(@.type=="Ready")].status}'
	k wait --for=condition=Ready pod/r --timeout=90s
	started=$(date -d "$(of pod/r '{.status.containerStatuses[0].state.running.startedAt}')" +%s)
	turned=$(date -d "$(of pod/r '{.status.conditions[?(@.type=="Ready")].lastTransitionTime}')" +%s)
	[ $((turned - started)) -ge 30 ]
	equal 0 restarts r
}

# never_ready CONTAINER
never_ready() {
	pod_with r "containers: [{$1}]"
	phase r Running
	for _ in $(seq "$((watch / 2))"); do
		equal False of pod/r '{.status.conditions[?(@.type=="Ready")].status}'
		sleep 2
	done
	equal 0 restarts r
}

probe_never_ready() {
	never_ready "$well, readinessProbe: {exec: {command: ['false']}, initialDelaySeconds: 5}"
}

probe_ready_timeout() {
	never_ready "$(does 'sleep 600'), readinessProbe: {exec: {command: [sh, -c, 'sleep 10']}, initialDelaySeconds: 15, timeoutSeconds: 1, failureThreshold: 1}"
	told r Unhealthy 'Readiness probe failed: command "sh -c sleep 10" timed out'
}

probe_exec_timeout() {
	is_restarted "$(does 'sleep 600'), livenessProbe: {exec: {command: [sh, -c, 'sleep 10']}, initialDelaySeconds: 15, timeoutSeconds: 1, failureThreshold: 1}"
}

probe_exec_timeout_and_fails() {
	is_restarted "$(does 'sleep 600'), livenessProbe: {exec: {command: [sh, -c, 'sleep 10 & exit 1']}, initialDelaySeconds: 15, timeoutSeconds: 1, failureThreshold: 1}"
}

# A server that sends its askers elsewhere: the answer to each request is a redirection to what $1 says.
redirects() {
	does "mkdir -p /tmp/w/cgi-bin; printf '#!/bin/sh\necho \"Status: 302 Found\"; echo \"Location: $1\"; echo; echo \"<a href=\\\\\"$1\\\\\">Found</a>.\"\n' > /tmp/w/cgi-bin/go; chmod +x /tmp/w/cgi-bin/go; touch /tmp/w/healthz; httpd -p 8080 -h /tmp/w; sleep 10; rm /tmp/w/healthz; sleep 600"
}

probe_redirect_local() {
	is_restarted "$(redirects /healthz), livenessProbe: {httpGet: {path: /cgi-bin/go, port: 8080}, initialDelaySeconds: 15, failureThreshold: 1}"
}

probe_redirect_elsewhere() {
	stays "$(redirects http://0.0.0.0/), livenessProbe: {httpGet: {path: /cgi-bin/go, port: 8080}, initialDelaySeconds: 15, failureThreshold: 1}"
	await 10 told l ProbeWarning 'Liveness probe warning: Probe terminated redirects'
}

live='livenessProbe: {exec: {command: ["true"]}, initialDelaySeconds: 15, failureThreshold: 1}'
dead='livenessProbe: {exec: {command: ["false"]}, initialDelaySeconds: 15, failureThreshold: 1}'

probe_startup_fails() {
	is_restarted "$(does 'sleep 600'), $live, startupProbe: {exec: {command: ['false']}, initialDelaySeconds: 15, failureThreshold: 3}"
	told l Unhealthy "Startup probe failed"
	told l Killing "Container a failed startup probe, will be restarted"
}

probe_startup_delays() {
	stays "$(does 'sleep 600'), $dead, startupProbe: {exec: {command: ['false']}, initialDelaySeconds: 15, failureThreshold: 60}"
}

probe_startup_then_liveness() {
	is_restarted "$(does 'sleep 10; echo ok > /tmp/startup; sleep 600'), $dead, startupProbe: {exec: {command: [cat, /tmp/startup]}, initialDelaySeconds: 15, failureThreshold: 60}"
	told l Killing "Container a failed liveness probe, will be restarted"
}

# Readiness is asked at once when the startup probe succeeds, not a period later.
probe_startup_then_ready() {
	pod_with r "containers: [{$(does 'echo ok > /tmp/health; sleep 32; echo ok > /tmp/startup; sleep 600'), readinessProbe: {exec: {command: [cat, /tmp/health]}, periodSeconds: 30}, startupProbe: {exec: {command: [cat, /tmp/startup]}, failureThreshold: 120, periodSeconds: 5}}]"
	began() { is true pod/r '{.status.containerStatuses[0].started}'; }
	await 90 began
	begin=$SECONDS
	ready r
	[ $((SECONDS - begin)) -le 25 ]
}

# The probe's own grace counts: neither program hears the signal.
deaf="trap '' TERM; while true; do sleep 1; done"

probe_grace_of_liveness() {
	is_restarted "$(does "$deaf"), livenessProbe: {httpGet: {path: /healthz, port: 8080}, initialDelaySeconds: 10, failureThreshold: 1, terminationGracePeriodSeconds: 5}" 'terminationGracePeriodSeconds: 500'
}

probe_grace_of_startup() {
	is_restarted "$(does "$deaf"), $live, startupProbe: {exec: {command: [cat, /tmp/startup]}, initialDelaySeconds: 10, failureThreshold: 1, terminationGracePeriodSeconds: 5}" 'terminationGracePeriodSeconds: 500'
}

# ready_while_ending CONTAINER-FIELDS: it turns unready in its grace, and is not restarted.
ready_while_ending() {
	pod_with t "terminationGracePeriodSeconds: 30, containers: [{$(does "_t() { rm -f /tmp/ready; sleep 8; rm -f /tmp/live; exit 0; }; trap _t TERM; touch /tmp/ready /tmp/live; while true; do sleep 1; done"), readinessProbe: {exec: {command: [cat, /tmp/ready]}, initialDelaySeconds: 0, failureThreshold: 1, periodSeconds: 1}$1}]"
	ready t
	k delete pod t --wait=false
	unready() { is False pod/t '{.status.conditions[?(@.type=="Ready")].status}'; }
	await 15 unready
	equal 0 restarts t
	absent() { ! k get pod t; }
	await 40 absent
	told t Unhealthy "Liveness probe failed" && return 1
	return 0
}
