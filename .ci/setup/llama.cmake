# Read by CMake right behind llama.cpp's own project() line (CMAKE_PROJECT_<name>_INCLUDE).
# The Python package forces the library of llama.cpp's command-line tools on (chat templates,
# JSON, argument parsing), builds it and never loads it. Left out, the build is shorter.
set(LLAMA_BUILD_COMMON OFF)
