"""Campaigns: many shards of the suite on the workers of a Dask cluster, and one page of them."""
