"""The errors this package raises on purpose: each message says what is wrong and what to do about it."""


class WNetError(Exception):
    """Base of every error raised for bad input or a failed resource; the message names the remedy."""


class ImageError(WNetError):
    """An image, a labels array or an image file that cannot be used."""


class ParamsError(WNetError):
    """A parameter that is unknown, of the wrong type or out of its range."""


class ModelError(WNetError):
    """A model that is unknown, damaged, unsafe or made by a newer version."""


class DownloadError(ModelError):
    """A model that could not be fetched into the cache."""


class EditError(WNetError):
    """An edit that does nothing where it was asked for."""


class DeviceError(WNetError):
    """A device that does not exist or has not enough memory."""


class OutputError(WNetError):
    """A result that could not be written, or that would overwrite something."""


class NoRoomError(OutputError):
    """A disk that is full, or too full for what is to be written: nothing more can be done there."""


class ProjectError(WNetError):
    """A project folder that is damaged, in use or made by a newer version."""


class SchedulerError(WNetError):
    """A scheduler or its workers that are not there, not alike, or lost."""


class SchedulerLostError(SchedulerError):
    """A scheduler that was there and is gone: nothing more can be done by it."""


class TrainingError(WNetError):
    """Training that cannot start or cannot go on."""


class ChannelsError(TrainingError):
    """Images with other channels than the model to start from reads."""


class DivergedError(TrainingError):
    """The loss of a training is no number any more."""


def lacks_memory(error: BaseException) -> bool:
    """Tell whether an exception means that memory has run out: torch has a RuntimeError for that."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "alloc" in text


def first_of(error: Exception) -> Exception:
    """Return an error, or of a group of them, as work side by side raises it, the first."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
