"""Results on disk: run folders and their configs, leases, tables of runs, packing and validation."""
