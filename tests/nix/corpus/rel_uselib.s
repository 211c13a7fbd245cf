        .include "filc.inc"
        CALLER  main, 2, corpus_answer, 2
        PRODUCER
