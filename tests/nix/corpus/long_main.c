int puts(const char *);
int counter;
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        counter += puts(argv[i]);
    return counter < 0;
}
