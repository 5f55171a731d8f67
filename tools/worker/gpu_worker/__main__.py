"""Runs launches on one GPU for whoever writes requests to its standard input.

    python gpu_worker [--reply-fd N] < requests.jsonl

One JSON object a line in, one a line out: on descriptor N, or on standard output. Python 3.8 or newer
and the NVIDIA driver, nothing else. tools/worker/protocol.ts says what may be asked.
"""

import sys

from serve import main

sys.exit(main())
