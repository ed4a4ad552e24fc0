"""Modules that are not trusted: what in them reaches outside of their graph.

A module is a program, and runs with the rights of whoever instantiates it. Its
graphs are looked through before anything of them is imported, and a policy says
what happens: nothing, a warning, or a refusal.
"""
