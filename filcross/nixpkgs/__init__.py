"""nixpkgs trees: where they come from, what shape they have, and the edits that teach them Fil-C."""
