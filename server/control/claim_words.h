/*
 * claim_words.h - the words on claims and volumes that several controllers read.
 */
#ifndef SERVER_CONTROL_CLAIM_WORDS_H
#define SERVER_CONTROL_CLAIM_WORDS_H

#define CLAIM_BIND_COMPLETED   "pv.kubernetes.io/bind-completed"
#define CLAIM_BOUND_BY         "pv.kubernetes.io/bound-by-controller"
#define CLAIM_PROVISIONED_BY   "pv.kubernetes.io/provisioned-by"
#define CLAIM_PROVISIONER      "volume.kubernetes.io/storage-provisioner"
#define CLAIM_PROVISIONER_BETA "volume.beta.kubernetes.io/storage-provisioner"
#define CLAIM_SELECTED_NODE    "volume.kubernetes.io/selected-node"
#define CLAIM_DEFAULT_CLASS    "storageclass.kubernetes.io/is-default-class"
#define CLAIM_PROTECTION       "kubernetes.io/pvc-protection"
#define VOLUME_PROTECTION      "kubernetes.io/pv-protection"
#define VOLUME_PROVISIONED     "external-provisioner.volume.kubernetes.io/finalizer"
#define LOCAL_PATH             "rancher.io/local-path"

#endif
