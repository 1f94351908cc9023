"""What the Iceberg REST protocol calls its errors: the names of Java's exceptions, which clients act on."""

from __future__ import annotations

from typing import ClassVar

from headgate.errors import HeadgateError


class RestError(HeadgateError):
    """A request that the Iceberg REST protocol answers with an error."""

    exception: ClassVar[str] = "RESTException"


class BadRequest(RestError):
    """The request is malformed, or asks for what cannot be."""

    status = 400
    exception = "BadRequestException"


class IllegalArgument(BadRequest):
    """The request is well-formed and asks for what cannot be; Java's clients show its text alone."""

    exception = "IllegalArgumentException"


class Forbidden(RestError):
    """The request is understood, and the lake does not allow it."""

    status = 403
    exception = "ForbiddenException"


class NoSuchWarehouse(RestError):
    """No branch, tag or commit of that name."""

    status = 404
    exception = "NoSuchWarehouseException"


class NoSuchNamespace(RestError):
    """No namespace of that name in this state."""

    status = 404
    exception = "NoSuchNamespaceException"


class NoSuchTable(RestError):
    """No table of that name in this state."""

    status = 404
    exception = "NoSuchTableException"


class NoSuchView(RestError):
    """No view of that name in this state."""

    status = 404
    exception = "NoSuchViewException"


class NoSuchFile(RestError):
    """A metadata file that something refers to is not there."""

    status = 404
    exception = "NotFoundException"


class Unsupported(RestError):
    """The specification has it, and this catalog does not."""

    status = 406
    exception = "UnsupportedOperationException"


class NameTaken(RestError):
    """Something of that name is there already."""

    status = 409
    exception = "AlreadyExistsException"


class NamespaceNotEmpty(RestError):
    """A namespace that still holds something cannot be dropped."""

    status = 409
    exception = "NamespaceNotEmptyException"


class CommitFailed(RestError):
    """A requirement of a commit does not hold; nothing was changed, and the client may read and try again."""

    status = 409
    exception = "CommitFailedException"


class Unprocessable(RestError):
    """The request contradicts itself."""

    status = 422
    exception = "UnprocessableEntityException"


class CommitStateUnknown(RestError):
    """The catalog went away while it wrote, and nobody can say now whether the commit landed."""

    status = 500
    exception = "CommitStateUnknownException"
