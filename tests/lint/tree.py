"""The files of the project, as the checks see them: relative path and text."""
import os
import subprocess

BINARY = ('.png', '.gz', '.tar', '.ico', '.woff2', '.db', '.zip', '.bin')
SKIPPED_DIRS = {'.git', 'build', '.run', 'node_modules', '__pycache__'}


def listed(root):
    """Tracked files where git knows them; in an unpacked archive, all files."""
    try:
        out = subprocess.run(['git', '-c', 'safe.directory=*', 'ls-files', '-z'], cwd=root, check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        names = [n for n in out.decode().split('\0') if n]
        if names:
            return names
    except (OSError, subprocess.CalledProcessError):
        pass
    names = []
    for folder, dirs, files in os.walk(root):
        dirs[:] = [d for d in dirs if d not in SKIPPED_DIRS and not d.startswith('build-')]
        names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return names


def files(root, *prefixes):
    """(path, text) of every text file below one of the prefixes (all without any), sorted."""
    for path in sorted(listed(root)):
        full = os.path.join(root, path)
        if prefixes and not path.startswith(prefixes) or path.endswith(BINARY) or not os.path.isfile(full) or os.path.islink(full):
            continue
        with open(full, 'rb') as f:
            data = f.read()
        if b'\0' in data[:4096]:
            continue
        yield path, data.decode('utf-8', 'replace')


def without_comments(text, strings=False):
    """C text with comments (and with strings=True also string contents) blanked, line numbers kept."""
    out, i, n = [], 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == '/*':
            end = text.find('*/', i + 2)
            end = n if end < 0 else end + 2
            out.append(''.join(c if c == '\n' else ' ' for c in text[i:end]))
        elif two == '//':
            end = text.find('\n', i)
            end = n if end < 0 else end
            out.append(' ' * (end - i))
        elif text[i] in '"\'':
            quote, end = text[i], i + 1
            while end < n and text[end] != quote and text[end] != '\n':
                end += 2 if text[end] == '\\' else 1
            end = min(end + 1, n)
            out.append(quote + ' ' * max(end - i - 2, 0) + quote if strings else text[i:end])
        else:
            out.append(text[i])
            end = i + 1
        i = end
    return ''.join(out)
