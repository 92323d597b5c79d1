"""Sections over HTTP."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Path, Query, Response

from duly.api.deps import Context, IfMatch, IfNoneMatch, Scope
from duly.api.once import Once
from duly.api.resources import change_one, delete_one, get_one, get_page
from duly.records import pages
from duly.schemas.order import Move
from duly.schemas.sections import SectionCreate, SectionPatch, SectionQuery, SectionReplace
from duly.services import sections

SectionId = Annotated[UUID, Path(description="The section's id.")]


async def create_section(
    context: Context, scope: Scope, body: SectionCreate, once: Once
) -> Response:
    """Create a section of a list.

    Repeating the same request with the same `id` returns the existing section with status 200.
    """
    return await once.create(sections.TYPE, body, sections.create(scope, body, context.settings))


async def list_sections(
    context: Context,
    scope: Scope,
    query: Annotated[SectionQuery, Query()],
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List your sections.

    Pass `next_cursor` as `cursor` to get the next page.
    """
    read_page = partial(sections.read_page, scope, context.keyring, query)
    read_tag = partial(pages.read_tag, scope, sections.TYPE, query)
    return await get_page(if_none_match, read_tag, read_page)


async def get_section(
    scope: Scope, section_id: SectionId, if_none_match: IfNoneMatch = None
) -> Response:
    """Read a section."""
    return await get_one(scope, sections.TYPE, section_id, if_none_match)


async def replace_section(
    scope: Scope, section_id: SectionId, body: SectionReplace, versions: IfMatch
) -> Response:
    """Replace a section.

    Fields that are absent are set to their defaults.
    """
    return await change_one(scope, sections.replace(scope, section_id, body, versions))


async def update_section(
    scope: Scope, section_id: SectionId, body: SectionPatch, versions: IfMatch
) -> Response:
    """Change a section.

    The body is a JSON merge patch (RFC 7396): absent fields stay, null clears.
    """
    return await change_one(scope, sections.patch(scope, section_id, body, versions))


async def move_section(
    scope: Scope, section_id: SectionId, body: Move, versions: IfMatch
) -> Response:
    """Move a section among the sections of its list.

    Without `after_id` and `before_id` it becomes the last.
    """
    return await change_one(scope, sections.move(scope, section_id, body, versions))


async def delete_section(scope: Scope, section_id: SectionId, versions: IfMatch) -> Response:
    """Delete a section permanently; its tasks stay in the list."""
    return await delete_one(scope, sections.delete_section(scope, section_id, None, versions))
