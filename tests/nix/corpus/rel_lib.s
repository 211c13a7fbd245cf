        .include "filc.inc"
        FUNCTION corpus_answer, 2
        PRODUCER
