{
  lib,
  stdenv,
  fetchurl,
  pcre2,
}:

# Its configure script runs what it compiles.
assert stdenv.buildPlatform.canExecute stdenv.hostPlatform;

stdenv.mkDerivation (finalAttrs: {
  pname = "nginx";
  version = "1.22.1";

  src = fetchurl {
    url = "https://nginx.org/download/nginx-${finalAttrs.version}.tar.gz";
    sha256 = "9ebb333a9e82b952acd3e2b4aeb1d4ff6406f72491bab6cd9fe69f0dea737f31";
  };

  buildInputs = [ pcre2 ];

  # Not every C library has crypt.h. The configure script asks, and this header does not listen.
  postPatch = ''
    substituteInPlace src/os/unix/ngx_linux_config.h --replace-fail "#include <crypt.h>" \
      $'#if (NGX_HAVE_CRYPT_H)\n#include <crypt.h>\n#endif'
  '';

  # The makefile turns every warning into an error, which suits nginx's developers and their compiler.
  env.NIX_CFLAGS_COMPILE = "-Wno-error";

  # The script is nginx's own, not Autoconf's.
  configurePlatforms = [ ];
  setOutputFlags = "";
  configureFlags =
    [
      "--sbin-path=bin/nginx"
      "--with-cc=${stdenv.cc.targetPrefix}cc"
      "--with-pcre"
      "--with-threads"
      "--with-http_auth_request_module"
      "--with-http_random_index_module"
      "--with-http_realip_module"
      "--with-http_stub_status_module"
      "--with-http_sub_module"
      # Needs crypt
      "--without-http_auth_basic_module"
      # Needs zlib
      "--without-http_gzip_module"
      "--http-log-path=/var/log/nginx/access.log"
      "--error-log-path=/var/log/nginx/error.log"
      "--pid-path=/var/run/nginx/nginx.pid"
      "--lock-path=/var/run/nginx/nginx.lock"
      "--http-client-body-temp-path=/var/cache/nginx/client_body"
      "--http-proxy-temp-path=/var/cache/nginx/proxy"
      "--http-fastcgi-temp-path=/var/cache/nginx/fastcgi"
      "--http-uwsgi-temp-path=/var/cache/nginx/uwsgi"
      "--http-scgi-temp-path=/var/cache/nginx/scgi"
    ]
    ++ lib.optional (
      stdenv.hostPlatform != stdenv.buildPlatform
    ) "--crossbuild=${stdenv.hostPlatform.uname.system}::${stdenv.hostPlatform.uname.processor}";

  enableParallelBuilding = true;

  # Folders of the running server are its administrator's.
  preInstall = ''
    sed -i -e '\|/var/|d' objs/Makefile
  '';

  meta = {
    description = "Web server and reverse proxy";
    homepage = "https://nginx.org/";
    license = lib.licenses.bsd2;
    mainProgram = "nginx";
    platforms = lib.platforms.linux;
  };
})
