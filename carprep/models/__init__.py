"""Stub until the lookers land."""


def check_look(name, fetch=False):
    pass


def load(name):
    raise NotImplementedError(name)


def knows_views(name):
    return False


def identity(name):
    return name
