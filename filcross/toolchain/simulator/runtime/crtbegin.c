/* The identity of the image that this is linked into. */
__attribute__((visibility("hidden"))) void *const __dso_handle = (void *)&__dso_handle;
