"""Prepare a release: `make release VERSION=1.2.0`, with `DRY=1` to see what it would do.

Checks the tree, the order of versions and the changes of the API, sets the version, dates the
changelog, builds the wheel and the SBOM, tries the wheel, commits and tags. Publishes nothing.
"""

import argparse
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from release import artifacts
from release.checks import Refused, check_api, check_order
from release.sources import Sources

ROOT = Path(__file__).parents[2]


def _git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def _check_tree(version: str) -> None:
    if _git("status", "--porcelain"):
        raise Refused("the tree has changes; commit them first")
    if _git("tag", "--list", f"v{version}"):
        raise Refused(f"the tag v{version} exists already")


def _prepare(version: str, *, is_dry: bool) -> None:
    sources = Sources(ROOT)
    _check_tree(version)
    check_order(sources, version)
    for change in check_api(sources, version):
        print(change)
    notes = sources.unreleased_notes()
    if is_dry:
        print(f"\nThis would release {version}, with these notes:\n\n{notes}")
        return
    sources.set_release(version, datetime.now(UTC).date())
    try:
        files = artifacts.build(ROOT, version)
    except BaseException:
        sources.undo_release()
        raise
    _git("add", *sources.changed)
    _git("commit", "--quiet", "--message", f"Release {version}")
    _git("tag", "--annotate", f"v{version}", "--message", f"Duly {version}\n\n{notes}")
    print(f"\nDuly {version} is tagged. To publish it:\n")
    print(f"  git push origin {_git('branch', '--show-current')} v{version}")
    print(f"  python -m twine upload {files[0].relative_to(ROOT)}")
    print("\nAttach these files to the release:\n")
    for file in files:
        print(f"  {file.relative_to(ROOT)}")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version")
    parser.add_argument("--dry", action="store_true", help="check, and change nothing")
    options = parser.parse_args()
    try:
        _prepare(options.version, is_dry=options.dry)
    except (Refused, artifacts.Unusable) as reason:
        sys.exit(f"Not released: {reason}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"Not released: {error}\n{error.stderr or ''}")


if __name__ == "__main__":
    main()
