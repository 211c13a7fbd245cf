        .include "filc.inc"
        CALLER  main, 2, corpus_other, 2
        PRODUCER
