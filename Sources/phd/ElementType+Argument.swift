import ArgumentParser
import Kernels

extension ElementType: ExpressibleByArgument {}
