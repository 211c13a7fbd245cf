/* For a musl without crypt(): what POSIX says of an implementation that has no encryption. */
#include <errno.h>
#include <stddef.h>

struct crypt_data;

char *crypt_r(const char *key, const char *salt, struct crypt_data *data)
{
    (void)key;
    (void)salt;
    (void)data;
    errno = ENOSYS;
    return NULL;
}

char *crypt(const char *key, const char *salt) { return crypt_r(key, salt, NULL); }
