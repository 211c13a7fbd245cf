        .include "filc.inc"
        CALLER  plugin_entry, 134, host_callback, 134
        PRODUCER
