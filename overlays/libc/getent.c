/* getent: entries of the system's databases, for a C library that brings no such program.
   Databases: passwd, group, hosts (ahosts), services, protocols. Exit codes as in getent(1). */
#include <arpa/inet.h>
#include <ctype.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FOUND = 0, USAGE = 1, MISSING = 2 };

static int is_number(const char *text) {
  if (!*text) return 0;
  for (; *text; text++)
    if (!isdigit((unsigned char)*text)) return 0;
  return 1;
}

static void show_user(const struct passwd *user) {
  printf("%s:%s:%u:%u:%s:%s:%s\n", user->pw_name, user->pw_passwd, (unsigned)user->pw_uid, (unsigned)user->pw_gid,
         user->pw_gecos, user->pw_dir, user->pw_shell);
}

static int users(const char *key) {
  struct passwd *user;
  if (key) {
    user = is_number(key) ? getpwuid((uid_t)strtoul(key, NULL, 10)) : getpwnam(key);
    if (!user) return MISSING;
    show_user(user);
    return FOUND;
  }
  setpwent();
  while ((user = getpwent()) != NULL) show_user(user);
  endpwent();
  return FOUND;
}

static void show_group(const struct group *group) {
  printf("%s:%s:%u:", group->gr_name, group->gr_passwd, (unsigned)group->gr_gid);
  for (char **member = group->gr_mem; member && *member; member++)
    printf("%s%s", member == group->gr_mem ? "" : ",", *member);
  putchar('\n');
}

static int groups(const char *key) {
  struct group *group;
  if (key) {
    group = is_number(key) ? getgrgid((gid_t)strtoul(key, NULL, 10)) : getgrnam(key);
    if (!group) return MISSING;
    show_group(group);
    return FOUND;
  }
  setgrent();
  while ((group = getgrent()) != NULL) show_group(group);
  endgrent();
  return FOUND;
}

static int hosts(const char *key) {
  struct addrinfo wanted, *found = NULL;
  if (!key) return USAGE;
  memset(&wanted, 0, sizeof wanted);
  wanted.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(key, NULL, &wanted, &found) != 0) return MISSING;
  for (struct addrinfo *one = found; one; one = one->ai_next) {
    char address[256];
    if (getnameinfo(one->ai_addr, one->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) == 0)
      printf("%-15s %s\n", address, key);
  }
  freeaddrinfo(found);
  return FOUND;
}

static int services(const char *key) {
  struct servent *service;
  if (!key) return USAGE;
  service = is_number(key) ? getservbyport(htons((unsigned short)atoi(key)), NULL) : getservbyname(key, NULL);
  if (!service) return MISSING;
  printf("%-21s %d/%s\n", service->s_name, ntohs((unsigned short)service->s_port), service->s_proto);
  return FOUND;
}

static int protocols(const char *key) {
  struct protoent *protocol;
  if (!key) return USAGE;
  protocol = is_number(key) ? getprotobynumber(atoi(key)) : getprotobyname(key);
  if (!protocol) return MISSING;
  printf("%-21s %d\n", protocol->p_name, protocol->p_proto);
  return FOUND;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    int (*look_up)(const char *key);
  } databases[] = {{"passwd", users},  {"group", groups},       {"hosts", hosts},
                   {"ahosts", hosts},  {"services", services},  {"protocols", protocols}};
  if (argc < 2) {
    fprintf(stderr, "usage: getent database [key ...]\n");
    return USAGE;
  }
  for (size_t i = 0; i < sizeof databases / sizeof *databases; i++) {
    int worst = FOUND;
    if (strcmp(databases[i].name, argv[1]) != 0) continue;
    if (argc == 2) return databases[i].look_up(NULL);
    for (int argument = 2; argument < argc; argument++) {
      int status = databases[i].look_up(argv[argument]);
      if (status > worst) worst = status;
    }
    return worst;
  }
  fprintf(stderr, "getent: unknown database: %s\n", argv[1]);
  return USAGE;
}
