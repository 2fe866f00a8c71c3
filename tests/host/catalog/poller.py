#!/usr/bin/env python3
"""Asks several pages in rounds until its input ends. Usage: poller.py URL...

A round asks all of them at once and is one line of JSON: {URL: page or null}. What does not answer within a round counts as null in it; rounds follow each other
without a pause that could hide a gap, so their number says nothing about time."""
import concurrent.futures
import json
import select
import sys
import urllib.request

ROUND_S = 10    # of a page that accepts and then says nothing; a port without a listener is refused at once


def ask(url):
    try:
        with urllib.request.urlopen(url, timeout=ROUND_S) as r:
            return r.read(4096).decode()
    except (OSError, ValueError):
        return None


def main(urls):
    with concurrent.futures.ThreadPoolExecutor(len(urls)) as pool:
        while not select.select([sys.stdin], [], [], 0.02)[0]:
            print(json.dumps(dict(zip(urls, pool.map(ask, urls)))), flush=True)


main(sys.argv[1:])
