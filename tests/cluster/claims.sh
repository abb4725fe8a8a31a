#!/bin/bash
# claims.sh - claims get volumes and pods use them, on two nodes, with the real kubectl.
#
# Goal: local storage that is made when the first pod comes and is gone with its claim; volumes made by hand that are
# found by class, size, modes, labels and name; what is in use stays; what is refused is refused in the real words.
# shellcheck source=tests/cluster/lib.sh
cd "$(dirname "$0")/../.." || exit 1
. tests/cluster/lib.sh
# shellcheck source=tests/cluster/lib_nodes.sh
. tests/cluster/lib_nodes.sh

# claim NAME SIZE [further fields of its spec]
claim() {
	k apply -f - <<- END
	apiVersion: v1
	kind: PersistentVolumeClaim
	metadata: {name: $1}
	spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: $2}}, $3}
	END
}

# volume NAME SIZE PATH [further fields of its spec]
volume() {
	k apply -f - <<- END
	apiVersion: v1
	kind: PersistentVolume
	metadata: {name: $1, labels: {name: $1}}
	spec: {accessModes: [ReadWriteOnce], capacity: {storage: $2}, hostPath: {path: $3}, $4}
	END
}

# user NAME CLAIM COMMAND: a pod that has the claim at /data
user() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: $1}
	spec:
	  restartPolicy: Never
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: data, persistentVolumeClaim: {claimName: $2}}]
	  containers: [{name: a, image: "web:1", command: [sh, -c, "$3"], volumeMounts: [{name: data, mountPath: /data}]}]
	END
}

# told OBJECT REASON TEXT: an event about it
told() {
	k get events --field-selector "involvedObject.name=$1,reason=$2" -o 'jsonpath={.items[*].message}' | grep -qF -- "$3"
}

is_gone_from_disk() {
	[ ! -e "$1" ]
}

test_the_class_is_there() {
	await 5 is rancher.io/local-path storageclass/local-path '{.provisioner}'
	equal "Delete WaitForFirstConsumer true" of storageclass/local-path \
		'{.reclaimPolicy} {.volumeBindingMode} {.metadata.annotations.storageclass\.kubernetes\.io/is-default-class}'
}

test_local_storage_from_claim_to_folder_and_back() {
	claim data 1Gi
	await 10 told data WaitForFirstConsumer "waiting for first consumer to be created before binding"
	equal "Pending local-path" of pvc/data '{.status.phase} {.spec.storageClassName}'
	user writer data "echo kept > /data/file; sleep 1000"
	await 20 is Running pod/writer '{.status.phase}'
	volume=$(of pvc/data '{.spec.volumeName}')
	equal "Bound 1Gi" of pvc/data '{.status.phase} {.status.capacity.storage}'
	equal "yes yes rancher.io/local-path" of pvc/data '{.metadata.annotations.pv\.kubernetes\.io/bind-completed} {.metadata.annotations.pv\.kubernetes\.io/bound-by-controller} {.metadata.annotations.volume\.kubernetes\.io/storage-provisioner}'
	equal "pvc-$(of pvc/data '{.metadata.uid}')" echo "$volume"
	equal "Bound Delete rancher.io/local-path" of "pv/$volume" '{.status.phase} {.spec.persistentVolumeReclaimPolicy} {.metadata.annotations.pv\.kubernetes\.io/provisioned-by}'
	equal "$(of pod/writer '{.spec.nodeName}')" of "pv/$volume" '{.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]}'
	folder=$(of "pv/$volume" '{.spec.local.path}')
	equal "$lab/s/data/storage/${volume}_default_data" echo "$folder"
	await 5 grep -q kept "$folder/file"
	await 5 told data ProvisioningSucceeded "Successfully provisioned volume $volume"
	told data ExternalProvisioning "Waiting for a volume to be created either by the external provisioner 'rancher.io/local-path'"
	# The claim outlives its pod, and does not go before it.
	k delete pvc data --wait=false
	await 5 is '["kubernetes.io/pvc-protection"]' pvc/data '{.metadata.finalizers}'
	equal Bound of pvc/data '{.status.phase}'
	expect Terminating k get pvc data
	gone pod/writer
	await 10 is_missing "pv/$volume"
	await 5 is_gone_from_disk "$folder"
	is_missing pvc/data
}

is_missing() {
	[ "$(k get "$1" --ignore-not-found -o name)" = "" ]
}

test_data_is_there_for_the_next_pod() {
	claim next 10Mi
	user first next "echo one >> /data/file"
	await 20 is Succeeded pod/first '{.status.phase}'
	gone pod/first
	user second next "echo two >> /data/file; cat /data/file"
	await 20 is Succeeded pod/second '{.status.phase}'
	equal $'one\ntwo' k logs second
	gone pod/second pvc/next
}

# A claim that is the pod's own comes and goes with it.
test_ephemeral_volumes() {
	k apply -f - <<- END
	apiVersion: v1
	kind: Pod
	metadata: {name: own}
	spec:
	  terminationGracePeriodSeconds: 0
	  volumes: [{name: scratch, ephemeral: {volumeClaimTemplate: {metadata: {labels: {a: b}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}}}]
	  containers: [{name: a, image: "web:1", command: [sh, -c, "echo x > /data/file; sleep 1000"], volumeMounts: [{name: scratch, mountPath: /data}]}]
	END
	await 20 is Running pod/own '{.status.phase}'
	equal "Bound own b" of pvc/own-scratch '{.status.phase} {.metadata.ownerReferences[0].name} {.metadata.labels.a}'
	name=$(of pvc/own-scratch '{.spec.volumeName}')
	gone pod/own
	await 10 is_missing pvc/own-scratch
	await 10 is_missing "pv/$name"
}

# A link in the volume leads out of it: what it points at is not removed.
test_removal_follows_no_links() {
	mkdir "$lab/precious"
	touch "$lab/precious/file"
	claim link 1Mi
	user linker link "ln -s $lab/precious /data/out; mkdir /data/in; ln -s / /data/in/root"
	await 20 is Succeeded pod/linker '{.status.phase}'
	name=$(of pvc/link '{.spec.volumeName}')
	folder=$(of "pv/$name" '{.spec.local.path}')
	[ -L "$folder/out" ]
	gone pod/linker pvc/link
	await 10 is_missing "pv/$name"
	is_gone_from_disk "$folder"
	[ -e "$lab/precious/file" ]
}

# A volume that lies about its folder: nothing is removed.
test_a_forged_volume_removes_nothing() {
	mkdir -p "$lab/s/data/storage/pvc-victim" "$lab/pvc-elsewhere"
	k create -f - <<- END
	apiVersion: v1
	kind: PersistentVolume
	metadata:
	  name: forged
	  annotations: {pv.kubernetes.io/provisioned-by: rancher.io/local-path, local.path.provisioner/selected-node: n1}
	spec:
	  accessModes: [ReadWriteOnce]
	  capacity: {storage: 1Mi}
	  persistentVolumeReclaimPolicy: Delete
	  claimRef: {namespace: default, name: nobody, uid: 6d1f9c2e-0000-4000-8000-000000000001}
	  local: {path: $lab/pvc-elsewhere}
	  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [n1]}]}]}}
	END
	await 10 is Released pv/forged '{.status.phase}'
	await 10 told forged VolumeFailedDelete "is not the folder of this volume"
	[ -d "$lab/pvc-elsewhere" ]
	k patch pv forged -p '{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}'
	gone pv/forged
}

test_volumes_by_hand() {
	mkdir -p "$lab/hand"
	volume small 1Gi "$lab/hand" "storageClassName: hand"
	volume large 10Gi "$lab/hand" "storageClassName: hand"
	volume other 2Gi "$lab/hand" "storageClassName: foot"
	await 5 is Available pv/small '{.status.phase}'
	await 5 is Available pv/large '{.status.phase}'
	claim fits 500Mi "storageClassName: hand"
	await 5 is Bound pvc/fits '{.status.phase}'
	equal "small 1Gi" of pvc/fits '{.spec.volumeName} {.status.capacity.storage}'
	equal "Bound fits" of pv/small '{.status.phase} {.spec.claimRef.name}'
	claim huge 20Gi "storageClassName: hand"
	claim chosen 1Gi "storageClassName: hand, selector: {matchLabels: {name: large}}"
	await 5 is large pvc/chosen '{.spec.volumeName}'
	claim named 1Gi "storageClassName: foot, volumeName: other"
	await 5 is Bound pvc/named '{.status.phase}'
	equal "" of pvc/named '{.metadata.annotations.pv\.kubernetes\.io/bound-by-controller}'
	claim taken 1Gi "storageClassName: foot, volumeName: other"
	await 5 told taken FailedBinding 'volume "other" already bound to a different claim.'
	claim none 1Gi 'storageClassName: ""'
	await 5 told none FailedBinding "no persistent volumes available for this claim and no storage class is set"
	await 5 told huge ProvisioningFailed 'storageclass.storage.k8s.io "hand" not found'
	# Reserved for a claim of this name before it is there.
	volume reserved 1Gi "$lab/hand" 'storageClassName: "", claimRef: {namespace: default, name: guest}'
	claim guest 1Mi 'storageClassName: ""'
	await 5 is reserved pvc/guest '{.spec.volumeName}'
	# Retained: released, and not given to the next.
	gone pvc/fits
	await 5 is Released pv/small '{.status.phase}'
	claim later 500Mi "storageClassName: hand"
	await 5 told later ProvisioningFailed 'not found'
	equal Pending of pvc/later '{.status.phase}'
	gone pv/large --wait=false > /dev/null
	equal Bound of pv/large '{.status.phase}'
	gone pvc/huge pvc/chosen pvc/named pvc/taken pvc/none pvc/guest pvc/later
	gone pv/small pv/other pv/reserved
	await 5 is_missing pv/large
}

test_lost_and_refused() {
	mkdir -p "$lab/lost"
	volume lose 1Gi "$lab/lost" 'storageClassName: lost, persistentVolumeReclaimPolicy: Recycle'
	claim lose 1Gi "storageClassName: lost"
	await 5 is Bound pvc/lose '{.status.phase}'
	expect 'persistentvolumeclaims "lose" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize' \
		k patch pvc lose -p '{"spec":{"resources":{"requests":{"storage":"2Gi"}}}}'
	claim mode 1Mi "storageClassName: now"
	k apply -f - <<- END
	{"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","metadata":{"name":"now"},"provisioner":"rancher.io/local-path"}
	END
	await 5 told mode ProvisioningFailed 'failed to provision volume with StorageClass "now": configuration error, no node was specified'
	gone pvc/lose pvc/mode storageclass/now
	await 5 is Failed pv/lose '{.status.phase}'
	await 5 told lose VolumeFailedRecycle "No recycler plugin found for the volume!"
	gone pv/lose
	volume away 1Gi "$lab/lost" 'storageClassName: lost'
	claim away 1Gi "storageClassName: lost"
	await 5 is Bound pvc/away '{.status.phase}'
	k patch pv away --type=merge -p '{"metadata":{"finalizers":null}}' > /dev/null
	k delete pv away --wait=false
	k patch pv away --type=merge -p '{"metadata":{"finalizers":null}}' > /dev/null 2>&1 || true
	await 5 is Lost pvc/away '{.status.phase}'
	told away ClaimLost "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
	gone pvc/away
}

open_two_nodes
run_tests claims
