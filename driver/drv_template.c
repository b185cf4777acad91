/* Templates: what the ports that made them keep, and others open interpreters with. See drv_port.h.
 *
 * Who holds what: a template belongs to the port that made it, until that closes or makes another one; whoever opens an
 * interpreter with it holds it meanwhile. The last of them frees it. All under `image_lock`, which is not held while memory
 * is compared or copied.
 */
#include "drv_port.h"

#include <stdio.h>
#include <stdlib.h>

static struct drv_template *first;
static uint32_t last_id;

/* [image_lock] */
static struct drv_template *find(uint32_t id)
{
  struct drv_template *each = first;
  while (each && each->id != id) each = each->next;
  return each;
}

struct drv_template *drv_template_use(uint32_t id)
{
  pthread_mutex_lock(&driver.image_lock);
  struct drv_template *found = find(id);
  if (found) found->users++;
  pthread_mutex_unlock(&driver.image_lock);
  return found;
}

void drv_template_release(struct drv_template *template)
{
  if (!template) return;
  pthread_mutex_lock(&driver.image_lock);
  bool last = --template->users == 0;
  if (last) {
    struct drv_template **link = &first;
    while (*link != template) link = &(*link)->next;
    *link = template->next;
  }
  pthread_mutex_unlock(&driver.image_lock);
  if (!last) return;
  ruby_frozen_close(template->frozen);
  ruby_image_close(template->image);
  free(template);
}

/* The port's own from now on, instead of one that it may have had. */
static uint32_t adopt(struct port *port, struct drv_template *template)
{
  pthread_mutex_lock(&driver.image_lock);
  template->id = ++last_id;
  template->users = 1;
  template->next = first;
  first = template;
  pthread_mutex_unlock(&driver.image_lock);
  drv_template_release(port->template);
  port->template = template;
  return template->id;
}

static enum status make(struct ruby_frozen *frozen, uint32_t other, struct ruby_image **image,
                        char why[RUBY_IMAGE_WHY])
{
  struct drv_template *twin = drv_template_use(other);
  enum status status = STATUS_UNSUPPORTED;
  if (twin && twin->frozen)
    status = ruby_image_make(frozen, twin->frozen, image, why);
  else
    (void)snprintf(why, RUBY_IMAGE_WHY, "there is nothing to compare it with");
  drv_template_release(twin);
  return status;
}

enum status drv_template_make(struct port *port, uint32_t other, uint32_t *id,
                              char why[RUBY_IMAGE_WHY])
{
  struct drv_template *template = calloc(1, sizeof *template);
  if (!template) return STATUS_NO_MEMORY;
  enum status status = interp_freeze(port->interp, &template->frozen, why);
  if (!status && other != 0) {
    status = make(template->frozen, other, &template->image, why);
    ruby_frozen_close(template->frozen);
    template->frozen = NULL;
  }
  if (status)
    free(template);
  else
    *id = adopt(port, template);
  return status;
}
