# An overlay for campaigns on machines that reach Debian's mirror and not upstream's sites: Fil-C-side packages of an
# old tree get another source, the upstream tarball that a release of Debian carries, as the JSON file beside this one
# declares. Everything else of a recipe stays as it is, but for what an entry says it gives up, and why:
#
# version, url (below a mirror of Debian), sha256: the source; repacked: Debian cut something out of the tarball
# drop: attributes of the recipe that belong to the tree's version; set: attributes with other values
# drop_fetched_patches: patches from sites that only the network has; those in the tree stay
# recipe: another attribute of the tree, for the same package of a nearer version
# arguments: of the recipe's function; tools: those that mean a program that runs during the build, by its package
# autoreconf: the tarball has no configure script; subfolder: where in it the sources are
# libraries, programs: more inputs, which the newer version wants
# build_side: the same source for the package where it runs during the build of Fil-C packages
final: prev:
let
  inherit (prev) lib;
  isFilC = platform: platform.isFilC or false;
  forFilC = isFilC prev.stdenv.hostPlatform;
  forBuilding = !forFilC && isFilC prev.stdenv.targetPlatform;

  entries = (builtins.fromJSON (builtins.readFile ./2020.json)).packages;
  chosen = lib.filterAttrs (
    attribute: entry: prev ? ${attribute} && (forFilC || entry.build_side or false)
  ) entries;

  source =
    old: entry:
    lib.optionalAttrs (entry ? url) (
      {
        src = prev.fetchurl {
          url = "mirror://debian/${entry.url}";
          inherit (entry) sha256;
        };
      }
      // (
        if old ? pname then
          { inherit (entry) version; }
        else
          { name = "${lib.getName old}-${entry.version}"; }
      )
    );

  patches =
    old: entry:
    lib.optionalAttrs (entry.drop_fetched_patches or false) {
      patches = builtins.filter (patch: !(lib.isDerivation patch)) (old.patches or [ ]);
    };

  repoint =
    attribute: entry:
    let
      tools = lib.mapAttrs (_: tool: final.buildPackages.${tool}) (entry.tools or { });
      arguments = entry.arguments or { } // lib.optionalAttrs forFilC tools;
      recipe = prev.${entry.recipe or attribute};
      package = if arguments == { } then recipe else recipe.override arguments;
    in
    package.overrideAttrs (
      old:
      source old entry
      // patches old entry
      // lib.genAttrs (entry.drop or [ ]) (_: null)
      // {
        nativeBuildInputs =
          old.nativeBuildInputs or [ ]
          ++ map (name: final.buildPackages.${name}) (entry.programs or [ ])
          ++ lib.optional (entry.autoreconf or false) final.buildPackages.autoreconfHook;
        buildInputs = old.buildInputs or [ ] ++ map (name: final.${name}) (entry.libraries or [ ]);
      }
      // lib.optionalAttrs (entry ? subfolder) { sourceRoot = entry.subfolder; }
      // entry.set or { }
    );
in
if forFilC || forBuilding then lib.mapAttrs repoint chosen else { }
