/* Imports a check that this runtime does not have. */
        .include "filc.inc"
        ENTRY   main, 2
        callq   filc_check_of_the_future@PLT
        END_ENTRY main, 2
        PRODUCER
