# The licences of the packages in this tree, by SPDX identifier.
builtins.mapAttrs
  (
    shortName: spdxId: {
      inherit shortName spdxId;
      fullName = spdxId;
      url = "https://spdx.org/licenses/${spdxId}.html";
      free = true;
      redistributable = true;
      deprecated = false;
    }
  )
  {
    bsd0 = "0BSD";
    bsd2 = "BSD-2-Clause";
    bsd3 = "BSD-3-Clause";
    gpl2Only = "GPL-2.0-only";
    gpl2Plus = "GPL-2.0-or-later";
    gpl3Only = "GPL-3.0-only";
    gpl3Plus = "GPL-3.0-or-later";
    lgpl21Plus = "LGPL-2.1-or-later";
    mit = "MIT";
    publicDomain = "CC0-1.0";
  }
