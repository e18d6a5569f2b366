#!/usr/bin/env bash
# Make sure that the system libraries of napari's window, and a virtual display to test it on, are there.
# Silent when nothing is missing. Else installs with apt where that needs no password; otherwise says what to run.
# More to look for can be given as arguments, written like the entries below.
set -euo pipefail

[ "$(uname -s)" = Linux ] || exit 0

# Package on Debian and Ubuntu = what must be there: a program, a library to load, a Python module or a file.
needed=(
    xvfb=program:Xvfb
    xauth=program:xauth
    libgl1=library:libGL.so.1
    libegl1=library:libEGL.so.1
    libopengl0=library:libOpenGL.so.0
    libgl1-mesa-dri=file:dri/swrast_dri.so
    libglib2.0-0=library:libglib-2.0.so.0
    libdbus-1-3=library:libdbus-1.so.3
    libfontconfig1=library:libfontconfig.so.1
    libxkbcommon-x11-0=library:libxkbcommon-x11.so.0
    libxcb-cursor0=library:libxcb-cursor.so.0
    libxcb-icccm4=library:libxcb-icccm.so.4
    libxcb-image0=library:libxcb-image.so.0
    libxcb-keysyms1=library:libxcb-keysyms.so.1
    libxcb-randr0=library:libxcb-randr.so.0
    libxcb-render-util0=library:libxcb-render-util.so.0
    libxcb-shape0=library:libxcb-shape.so.0
    libxcb-xkb1=library:libxcb-xkb.so.1
    libx11-xcb1=library:libX11-xcb.so.1
    fonts-dejavu-core=fonts:ttf
    "$@"
)

# Loading a library asks the very question that Qt will ask, LD_LIBRARY_PATH and conda's folders included.
names=$("${PYTHON:-python3}" - "${needed[@]}" <<'PYTHON'
import ctypes, glob, importlib, os, shutil, sys


def loads(load, name):
    try:
        load(name)
    except (ImportError, OSError):
        return False
    return True


def fonts(ending):
    folders = ["/usr/share/fonts", "/usr/local/share/fonts"]
    folders += [os.path.expanduser(folder) for folder in ("~/.fonts", "~/.local/share/fonts")]
    return any(name.endswith(ending) for folder in folders for _, _, names in os.walk(folder) for name in names)


checks = {
    "program": shutil.which,
    "library": lambda name: loads(ctypes.CDLL, name),
    "module": lambda name: loads(importlib.import_module, name),
    "file": lambda name: glob.glob(f"/usr/lib*/{name}") or glob.glob(f"/usr/lib/*/{name}"),
    "fonts": fonts,
}
for entry in sys.argv[1:]:
    package, _, what = entry.partition("=")
    kind, _, name = what.partition(":")
    if not checks[kind](name):
        print(package)
PYTHON
)
[ -n "$names" ] || exit 0
mapfile -t missing <<<"$names"

install=(apt-get install -y --no-install-recommends --no-upgrade "${missing[@]}")
as_root=(env DEBIAN_FRONTEND=noninteractive)
# -n: a test run never stops to ask for a password.
[ "$(id -u)" = 0 ] || as_root=(sudo -n "${as_root[@]}")
if command -v apt-get >/dev/null && "${as_root[@]}" true 2>/dev/null; then
    echo "system libraries: installing ${missing[*]}"
    # One dead source must not stop it: whether the packages can be had is for the installation to say.
    "${as_root[@]}" apt-get update -q || true
    if "${as_root[@]}" "${install[@]}"; then exit 0; fi
fi

{
    echo "system libraries: missing ${missing[*]}"
    if command -v apt-get >/dev/null; then
        echo "run once, or ask someone who may:  sudo apt-get update && sudo ${install[*]}"
    else
        echo "these are the names on Debian and Ubuntu; install what provides them on this system."
    fi
    echo "all tests but those of the docks need none of this:  tox -e headless"
} >&2
exit 1
