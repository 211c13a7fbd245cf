/* The only member of archives that hold nothing, such as libyolom.a. */
typedef int archive_is_empty;
