"""Evidence: graders, scores with intervals, and the suites that judge the bundled model and its edits."""
