# Download a file whose content is known: the first of its addresses that delivers.
{
  lib,
  curl,
  stdenvNoCC,
}:

let
  mirrors = import ./mirrors.nix;

  # mirror://gnu/hello/x.tar.gz to one address for each mirror
  addresses =
    url:
    let
      parts = builtins.match "mirror://([a-z]+)/(.*)" url;
      site = lib.elemAt parts 0;
    in
    if parts == null then
      [ url ]
    else
      map (base: base + lib.elemAt parts 1) (mirrors.${site} or (throw "fetchurl: unknown mirror:// site ${site}"));
in

lib.makeOverridable (
  {
    # One address, or several of the same file
    url ? "",
    urls ? [ ],
    # The file's name, if it is not the end of the address
    name ? "",
    curlOpts ? "",
    curlOptsList ? [ ],
    # The hash: as SRI, or of one kind
    hash ? "",
    sha256 ? "",
    sha512 ? "",
    outputHash ? "",
    outputHashAlgo ? "",
    # Hash the result as a file tree
    recursiveHash ? false,
    executable ? false,
    # Commands to run on the file ($downloadedFile) before it is hashed
    postFetch ? "",
    downloadToTemp ? false,
    nativeBuildInputs ? [ ],
    meta ? { },
    passthru ? { },
    preferLocalBuild ? true,
  }:

  let
    given = if urls != [ ] then urls else [ url ];
    all = lib.concatMap addresses given;

    hashes = lib.filter (one: one.outputHash != "") [
      {
        outputHashAlgo = null;
        outputHash = hash;
      }
      {
        outputHashAlgo = "sha256";
        outputHash = sha256;
      }
      {
        outputHashAlgo = "sha512";
        outputHash = sha512;
      }
      { inherit outputHash outputHashAlgo; }
    ];
    what = toString (lib.head given);
  in

  assert lib.assertMsg (lib.isList urls) "fetchurl: urls is not a list: ${toString urls}";
  assert lib.assertMsg (url == "" || urls == [ ]) "fetchurl: ${what} has both url and urls";
  assert lib.assertMsg (lib.length hashes == 1) "fetchurl: ${what} must have exactly one hash";

  stdenvNoCC.mkDerivation (
    {
      name = if name != "" then name else baseNameOf what;
      builder = ./builder.sh;
      nativeBuildInputs = [ curl ] ++ nativeBuildInputs;
      urls = all;

      inherit (lib.head hashes) outputHash;
      outputHashMode = if recursiveHash || executable then "recursive" else "flat";

      inherit
        curlOpts
        curlOptsList
        postFetch
        executable
        downloadToTemp
        preferLocalBuild
        meta
        ;
      # The way out of this network
      impureEnvVars = [
        "http_proxy"
        "https_proxy"
        "ftp_proxy"
        "all_proxy"
        "no_proxy"
        "NIX_CURL_FLAGS"
        "SSL_CERT_FILE"
      ];
      passthru = {
        inherit url;
        urls = all;
      } // passthru;
    }
    // lib.optionalAttrs ((lib.head hashes).outputHashAlgo != null) {
      inherit (lib.head hashes) outputHashAlgo;
    }
  )
)
