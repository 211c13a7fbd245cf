int ordinary(int x) { return x * 3; }
