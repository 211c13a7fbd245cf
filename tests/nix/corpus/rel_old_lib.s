        .include "filc.inc"
        OLD_FUNCTION corpus_answer
        OLD_PRODUCER
