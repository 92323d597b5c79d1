"""Bodies that the API takes, each unlike any other."""

from typing import Any

import factory


class RegistrationFactory(factory.DictFactory):
    email = factory.Faker("uuid4")
    password = factory.Faker("password", length=20)
    name = factory.Faker("name")

    @classmethod
    def _adjust_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        if "@" not in kwargs["email"]:
            kwargs["email"] += "@example.com"
        return kwargs


class TaskFactory(factory.DictFactory):
    title = factory.Faker("sentence", nb_words=4)
    description = factory.Faker("paragraph")
