#!/bin/sh
# install.sh - installs mote: a server, or with MOTE_URL a node of that server.
#
#   curl -sfL URL/install.sh | sh -
#   curl -sfL URL/install.sh | MOTE_URL=https://SERVER:6443 MOTE_TOKEN=... sh -
#   sh install.sh agent --node-label place=roof
#
# What is downloaded is executed only after its list of hashes was found to be signed by the keys in this file.
#
# INSTALL_MOTE_EXEC            the command and its options, as the arguments
# INSTALL_MOTE_URL             where to fetch from: https://..., http://... or a folder
# INSTALL_MOTE_CHANNEL         which version is taken: what this channel names now (stable)
# INSTALL_MOTE_VERSION         exactly this version
# INSTALL_MOTE_BUNDLE          a file mote-ARCH-airgap.bundle, instead of any download
# INSTALL_MOTE_SKIP_DOWNLOAD   true: mote is in the bin folder already
# INSTALL_MOTE_ALLOW_EXPIRED   true: take a signed list that is too old
# INSTALL_MOTE_BIN_DIR         where the command goes (/usr/local/bin)
# INSTALL_MOTE_SYSTEMD_DIR     where the unit goes (/etc/systemd/system)
# INSTALL_MOTE_NAME            the service is mote-NAME, not mote or mote-agent
# INSTALL_MOTE_SKIP_ENABLE     true: not started at boot
# INSTALL_MOTE_SKIP_START      true: not started now
# INSTALL_MOTE_FORCE_RESTART   true: restarted, also if nothing has changed
# INSTALL_MOTE_ENABLE_CGROUPS  true: switches the memory cgroup of a Raspberry Pi on
# INSTALL_MOTE_ROOT            a folder that will be the root of a machine: installs there, starts nothing
#
# MOTE_* and *_PROXY go to the environment of the service, in a file for root alone.
# A second run changes what differs, and restarts the service only then.
# mote-killall.sh ends all that runs; mote-uninstall.sh takes everything away again.

