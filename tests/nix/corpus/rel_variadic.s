/* Two functions, one of them variadic, as a library. */
        .include "filc.inc"
        FUNCTION corpus_answer, 2
        GENERIC corpus_variadic
        PRODUCER
