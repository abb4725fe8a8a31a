package main

// The one list of checks.
var checks = []check{
	{"finds every group", findsEveryGroup},
	{"maps short names", mapsShortNames},
	{"counts up without loss", countsUpWithoutLoss},
	{"tells errors apart", tellsErrorsApart},
	{"patches in several ways", patchesInSeveralWays},
	{"applies typed configurations", appliesTyped},
	{"scales", scales},
	{"works untyped", worksUntyped},
	{"lists in pages", listsInPages},
	{"deletes in foreground", deletesInForeground},
	{"asks about rights", asksAboutRights},
	{"evicts within a budget", evictsWithinABudget},
	{"dry-runs nothing", dryRunsNothing},
	{"keeps managed fields", keepsManagedFields},
	{"informer follows", informerFollows},
	{"metadata informer follows", metadataInformerFollows},
	{"watches from a revision", watchesFromARevision},
	{"watch ends in time", watchEndsInTime},
	{"waits for one object", waitsForOneObject},
	{"elects one leader", electsOneLeader},
	{"records events", recordsEvents},
}
