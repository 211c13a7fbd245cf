int host_callback(int);
int plugin_entry(int x) { return host_callback(x) + 1; }
