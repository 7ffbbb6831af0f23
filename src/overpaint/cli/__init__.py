"""The command line: words to library calls, results to tables and pictures. Imports torch only when it has to."""
