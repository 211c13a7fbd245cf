/* Nothing ends here; the file exists because a release has it. */
typedef int crtend_is_empty;
