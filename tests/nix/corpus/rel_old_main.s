        .include "filc.inc"
        OLD_CALLER main, puts
        OLD_PRODUCER
