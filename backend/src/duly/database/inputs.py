"""The input of a socket, for an event loop that stops watching after an error."""

import select
import sys


class Input:
    """What arrives on a socket. An error, such as a reset, is input too.

    An event loop watches `fileno`. On Linux that is an epoll instance, which stays readable until all is
    read. uvloop calls the reader of a socket with an error once, and then stops watching the socket:
    if a message comes before a reset, the reader reads the message and never learns of the reset.
    """

    def __init__(self, socket: int) -> None:
        if sys.platform == "linux":
            self._poll = select.epoll()
            self._poll.register(socket, select.EPOLLIN)
            self.fileno = self._poll.fileno()
        else:
            self._poll = select.poll()
            self._poll.register(socket, select.POLLIN)
            self.fileno = socket
        self.poll = self._poll.poll
        """Wait so many milliseconds, and return what has arrived: nothing, or one event."""

    def close(self) -> None:
        """Forget the socket, which stays open."""
        if sys.platform == "linux":
            self._poll.close()
