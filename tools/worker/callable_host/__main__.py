"""`python callable_host <request descriptor> <reply descriptor>`: answers requests until they end."""

import os
import sys


def main():
    # As a package, and gone from the path again: a candidate may call its modules as it likes.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from callable_host.serve import serve

    del sys.path[0]
    serve(int(sys.argv[1]), int(sys.argv[2]))


if __name__ == "__main__":
    main()
