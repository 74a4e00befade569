import ArgumentParser

@main
struct PHD: ParsableCommand {}
