"""The report: numbers of counts and of pruned directories, as a terminal table and as one HTML page."""
