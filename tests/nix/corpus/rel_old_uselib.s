        .include "filc.inc"
        OLD_CALLER main, corpus_answer
        OLD_PRODUCER
