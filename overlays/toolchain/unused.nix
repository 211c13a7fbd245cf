# Folders of a release's pizfix that only its own tests use.
[
  "lib_test"
  "lib_gcverify"
  "lib_test_gcverify"
]
