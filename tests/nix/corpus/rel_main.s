        .include "filc.inc"
        CALLER  main, 2, puts, 1066
        PRODUCER
